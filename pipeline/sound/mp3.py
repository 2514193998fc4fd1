"""An MP3 as the frames it consists of: cut, and spliced without being decoded.

Our encoder keeps no bit reservoir, so that each frame stands for itself (ISO/IEC 11172-3 §2.4.2.7: main_data_begin
is 0); of the sound, a frame needs the one before it for the overlap of its windows.
"""

from __future__ import annotations

from collections.abc import Sequence

FRAME = 1152
"""Samples of a frame of MPEG-1 Layer III."""

BITRATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
"""kbit/s that an MP3 of 44.1 kHz can have."""

ENCODER_DELAY, DECODER_DELAY = 576, 529
"""Samples by which LAME, and then every decoder, comes too late."""

DELAY = ENCODER_DELAY + DECODER_DELAY

_RATE = 44_100
_LEAST = 64
"""kbit/s of a frame that holds the Info tag even in two channels."""


def frames(data: bytes) -> list[bytes]:
    """The frames that lie behind one another in these bytes."""
    found, at = list[bytes](), 0
    while at + 4 <= len(data):
        end = at + size_of(data[at : at + 4])
        found.append(data[at:end])
        at = end
    return found


def size_of(header: bytes) -> int:
    """The bytes of a frame of 44.1 kHz, by its header."""
    kilobits = BITRATES[(header[2] >> 4) - 1]
    return 144 * kilobits * 1000 // _RATE + (header[2] >> 1 & 1)


def count_for(samples: int) -> int:
    """The frames it takes to bring that many samples past both delays."""
    return -(-(samples + DELAY) // FRAME)


def seam(before: Sequence[bytes], after: Sequence[bytes]) -> int:
    """Where to go over from one run of frames to another of the same sound: the place nearest the middle at which
    both have the same frame, so that nothing can be heard of it; the middle where there is none."""
    middle = len(before) // 2
    for at in sorted(range(1, len(before)), key=lambda place: abs(place - middle)):
        if _sound(before[at - 1]) == _sound(after[at - 1]):
            return at
    return middle


def _sound(frame: bytes) -> bytes:
    """A frame without its padding, which comes and goes with its place in the file."""
    return bytes((frame[0], frame[1], frame[2] & 0xFD, frame[3])) + frame[4:].rstrip(b"\0\x55\xaa")


def info(first: bytes, count: int, size: int, samples: int) -> bytes:
    """The frame without sound that stands first and says how long the file is, to the sample (the LAME tag).

    first: a frame of the stream. count, size: of its frames, and their bytes.
    """
    mono = first[3] >> 6 == 3
    kilobits = BITRATES[(first[2] >> 4) - 1]
    index = BITRATES.index(max(kilobits, _LEAST)) + 1
    header = bytes((0xFF, first[1] | 1, index << 4 | (first[2] & 0x0C), first[3]))
    frame = bytearray(size_of(header))
    frame[:4] = header
    at = 4 + (17 if mono else 32)
    whole = size + len(frame)
    contents = bytes(256 * place // 100 for place in range(100))
    padding = count * FRAME - ENCODER_DELAY - samples
    tag = b"".join(
        (
            b"Info",
            (0b1111).to_bytes(4, "big"),
            count.to_bytes(4, "big"),
            whole.to_bytes(4, "big"),
            contents,
            (100).to_bytes(4, "big"),
            b"LAME3.100",
            b"\x01\0",  # constant rate; no lowpass told
            bytes(8),  # no peak and no replay gain told
            b"\0",
            bytes((min(kilobits, 255),)),
            (ENCODER_DELAY << 12 | padding).to_bytes(3, "big"),
            bytes(4),
            whole.to_bytes(4, "big"),
            bytes(2),  # no checksum of the sound, which nobody asks for and which takes seconds
        )
    )
    frame[at : at + len(tag)] = tag
    end = at + len(tag)
    frame[end : end + 2] = _crc16(bytes(frame[:end])).to_bytes(2, "big")
    return bytes(frame)


def _crc16(data: bytes) -> int:
    """The checksum of the LAME tag: CRC-16 with the polynomial 0x8005, reflected."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc
