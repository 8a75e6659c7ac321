"""JPEG and PNG files that say how the camera was held, in EXIF or XMP, as cameras do it and as none would."""
import io
import struct
import zlib

from PIL import Image

from .pictures import picture
from .png import chunk

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4, 13: 4, 16: 8}
CODES = {1: "B", 2: "B", 3: "H", 4: "L", 6: "b", 7: "B", 8: "h", 9: "l", 13: "L", 16: "Q"}


def entry(order, tag, kind, values, place):
    """An entry of 12 bytes, and the bytes that are to stand at `place` where they do not fit it."""
    content = struct.pack(f"{order}{len(values)}{CODES[kind]}", *values)
    outside = b""
    if len(content) > 4:
        outside, content = content, struct.pack(f"{order}L", place)
    return struct.pack(f"{order}HHL", tag, kind, len(values)) + content.ljust(4, b"\0"), outside


def other_entry(random, order, place):
    kind = random.choice(sorted(SIZES))
    return entry(order, random.choice([256, 271, 272, 273, 275, 305, 306, 315, 34665]), kind,
                 [random.randrange(100) for _ in range(random.choice([1, 2, 9]))], place)


def exif_of(random, orientation):
    """A directory with the orientation among other entries."""
    order = random.choice("<>")
    kind = random.choice([3, 3, 3, 3, 4, 8, 9, 13, 16, 1, 2, 6, 7])
    before, after = random.randint(0, 3), random.randint(0, 3)
    directory_at = random.choice([8, 8, 8, 20])
    count = before + 1 + after
    place, entries, outside = directory_at + 2 + 12 * count + 4, b"", b""
    for number in range(count):
        if number == before:
            some, more = entry(order, 274, kind, [orientation] * random.choice([1, 1, 1, 2, 5]), place)
        else:
            some, more = other_entry(random, order, place)
        entries, outside, place = entries + some, outside + more, place + len(more)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", directory_at)
    return head.ljust(directory_at, b"\0") + struct.pack(f"{order}H", count) + entries + bytes(4) + outside


def damaged(random, exif):
    kind = random.choice(["cut", "bytes", "bytes", "twice"])
    if kind == "cut":
        return exif[:random.randint(0, len(exif))]
    if kind == "twice":
        return b"Exif\0\0" + exif
    content = bytearray(exif)
    for _ in range(random.randint(1, 4)):
        content[random.randrange(4, len(content))] = random.choice([0, 1, 255, random.randrange(256)])
    return bytes(content)


def xmp_of(random, orientation):
    value = random.choice([f'tiff:Orientation="{orientation}"', f"<tiff:Orientation>{orientation}</tiff:Orientation>"])
    noise = random.choice(["", "tiff:Orientation=x ", "tiff:Orientation "])
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{noise}<rdf:Description {value}/></rdf:RDF></x:xmpmeta>'.encode()


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(random, exif, xmp):
    stream = io.BytesIO()
    image = Image.fromarray(picture(random, random.choice([1, 3])))
    image.save(stream, "jpeg", quality=90, progressive=random.random() < 0.3)
    content, segments = stream.getvalue(), []
    if exif is not None:
        cut = random.randint(0, len(exif)) if random.random() < 0.2 else len(exif)
        segments += [segment(0xE1, b"Exif\0\0" + part) for part in ([exif[:cut], exif[cut:]] if cut < len(exif) else [exif])]
    if xmp is not None:
        segments.insert(random.randint(0, len(segments)) if len(segments) < 2 else 0,
                        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp))
    if random.random() < 0.2:
        segments.append(segment(0xE1, b"of some other kind"))
    at = random.choice([2, content.index(b"\xff\xdb")])
    return content[:at] + b"".join(segments) + content[at:]


def text_chunk(random, keyword, text):
    """As one of the three kinds of text that a PNG may have."""
    kind = random.choice(["tEXt", "zTXt", "iTXt", "packed iTXt"])
    if kind == "tEXt":
        return chunk(b"tEXt", keyword + b"\0" + text)
    if kind == "zTXt":
        return chunk(b"zTXt", keyword + b"\0\0" + zlib.compress(text))
    packed = kind == "packed iTXt"
    return chunk(b"iTXt", keyword + bytes([0, packed, 0]) + random.choice([b"", b"en"]) + b"\0" + random.choice([b"", b"x"]) + b"\0"
                 + (zlib.compress(text) if packed else text))


def raw_profile(random, exif):
    """EXIF as ImageMagick writes it."""
    digits = (b"Exif\0\0" + exif).hex()
    lines = "\n".join(digits[at:at + 72] for at in range(0, len(digits), 72))
    return f"\nexif\n{len(exif) + 6:8}\n{lines}\n".encode()


def png(random, exif, xmp):
    stream = io.BytesIO()
    Image.fromarray(picture(random, random.choice([1, 3, 4]))).save(stream, "png")
    content, chunks = stream.getvalue(), b""
    if exif is not None:
        chunks += (text_chunk(random, b"Raw profile type exif", raw_profile(random, exif)) if random.random() < 0.3
                   else chunk(b"eXIf", exif))
    if xmp is not None:
        chunks += text_chunk(random, b"XML:com.adobe.xmp", xmp)
    at = random.choice([33, len(content) - 12])  # before and behind the pixels
    return content[:at] + chunks + content[at:]


def files(random, count):
    for number in range(count):
        orientation = number // 4 % 8 + 1 if random.random() < 0.9 else random.choice([0, 9, 100, 127])
        kind = random.choice(["exif", "exif", "exif", "damaged", "xmp", "both"])
        exif = exif_of(random, orientation) if kind in ("exif", "both") else None
        if kind == "damaged":
            exif = damaged(random, exif_of(random, orientation))
        xmp = xmp_of(random, random.randint(0, 9)) if kind in ("xmp", "both") or kind == "damaged" and random.random() < 0.5 else None
        make, ending = [(jpeg, "jpg"), (jpeg, "jpg"), (png, "png")][number % 3]
        yield f"{kind}.{ending}", make(random, exif, xmp)
