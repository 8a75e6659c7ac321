"""Writes tensorboard.json: records of an event file as TensorBoard's own writer makes them, in hexadecimal.

    pip install tensorboard && python tests/golden/make_tensorboard.py
"""

import io
import json
import pathlib
import struct
import zlib

import missing_packages  # noqa: F401
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter


def record(event):
    file = io.BytesIO()
    RecordWriter(file).write(event.SerializeToString())
    return file.getvalue().hex()


def small_png(width, height):
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + bytes(3 * width) for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


version = Event(wall_time=1.5, file_version="brain.Event:2")
scalar = Event(wall_time=1.5, step=300)
scalar.summary.value.add(tag="loss", simple_value=0.5)
image = Event(wall_time=1.5, step=1)
value = image.summary.value.add(tag="preview")
value.image.height, value.image.width, value.image.colorspace = 3, 200, 3
value.image.encoded_image_string = small_png(200, 3)
resumed = Event(wall_time=1.5, step=7)
resumed.session_log.status = SessionLog.START

records = {name: record(event) for name, event in
           {"version": version, "scalar": scalar, "image": image, "resumed": resumed}.items()}
records["png"] = small_png(200, 3).hex()
pathlib.Path(__file__).with_name("tensorboard.json").write_text(json.dumps(records, indent=1) + "\n")
