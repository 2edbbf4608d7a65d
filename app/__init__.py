"""The Qt front end; imports ``engine``, never the other way round."""
