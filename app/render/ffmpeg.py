"""The command lines of ffmpeg, and the binary: that of the package imageio-ffmpeg.

Presets are chosen by measurement (tests/bench/render.py) on two cores with 8 ms of painting a
frame: `veryfast` writes half of what `ultrafast` does in the same time. WebP is lossless: of flat
pictures with text that is smaller, quicker and exact.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

from app.render.clip import Format
from app.render.errors import RenderError

INSTALL = "Install it with: pip install imageio-ffmpeg"


def executable() -> str:
    """The path of ffmpeg. Raises RenderError."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return get_ffmpeg_exe()
    except (ImportError, RuntimeError) as error:
        raise no_encoder() from error


def no_encoder() -> RenderError:
    return RenderError("The video encoder (ffmpeg) is missing.", INSTALL)


def command(
    kind: Format, size: tuple[int, int], fps: float, out: Path, palette: Path | None
) -> list[str]:
    """Arguments that encode raw BGRX frames of `size` from standard input into `out`."""
    arguments = [*_frames_from_stdin(size, fps), *_encoder(kind, palette)]
    # No library versions in the file: the same frames give the same bytes.
    return [*arguments, "-fflags", "+bitexact", "-flags:v", "+bitexact", _file(out)]


def palette_command(size: tuple[int, int], out: Path) -> list[str]:
    """Arguments that find the 256 colours of the frames from standard input."""
    return [
        *_frames_from_stdin(size, 1),
        "-vf", "palettegen", "-frames:v", "1", "-update", "1", _file(out),
    ]  # fmt: skip


def _frames_from_stdin(size: tuple[int, int], fps: float) -> list[str]:
    return [
        "-hide_banner", "-nostats", "-loglevel", "error", "-y",
        "-f", "rawvideo", "-pixel_format", "bgr0", "-video_size", f"{size[0]}x{size[1]}",
        "-framerate", str(Fraction(fps).limit_denominator(1001)), "-i", "pipe:0",
    ]  # fmt: skip


def _encoder(kind: Format, palette: Path | None) -> list[str]:
    if kind.suffix == ".mp4":
        # The colours are converted by the matrix that the file then names; players that are not
        # told guess, and show other colours.
        bt709 = "color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
        return [
            "-vf", f"scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,setparams={bt709}",
            "-c:v", "libx264", "-preset", "veryfast", "-crf", "18",
            "-threads", str(min(max(os.cpu_count() or 2, 2), 8)), "-movflags", "+faststart",
        ]  # fmt: skip
    if kind.suffix == ".gif":
        assert palette is not None
        # No dithering: it would crawl over areas that are flat.
        use = "[0][1]paletteuse=dither=none:diff_mode=rectangle"
        return ["-i", _file(palette), "-lavfi", use, "-loop", "0"]
    return ["-c:v", "libwebp_anim", "-lossless", "1", "-quality", "30", "-loop", "0"]


def _file(path: Path) -> str:
    """A name that ffmpeg takes for a file, whatever colons or dashes are in it."""
    return f"file:{path}"
