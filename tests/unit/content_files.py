"""Small files of the formats that the examination of contents reads, made from nothing but the standard library."""
import io
import struct
import zipfile
import zlib

LOCI = ["D3S1358", "vWA", "FGA", "D8S1179", "D21S11", "D18S51", "D5S818", "TH01"]
ALLELES = [("15", "16"), ("14", "18"), ("21", "24"), ("13", "14"), ("29", "31.2"), ("13", "15"), ("11", "12"), ("7", "9.3")]
ROWS = [[locus, *pair] for locus, pair in zip(LOCI, ALLELES)]
PROFILE = "; ".join(f"{a} {b},{c}" for a, b, c in ROWS)
TALK = "已采集血样送检 D8S1179 等位点，样本编号 20260302-017；12、15、16 号室，14:18 到达。"
XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def zipped(files, method=zipfile.ZIP_DEFLATED):
    """A zip of (name, bytes or text) pairs; the first one stored where it is an ODF's mimetype."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, (2026, 3, 2, 10, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name == "mimetype" else method
            archive.writestr(info, data.encode() if isinstance(data, str) else data)
    return out.getvalue()


# ---- office ----------------------------------------------------------------------------------------------------------

TYPES = XML + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'


def docx(body, extra=()):
    document = f'{XML}<w:document xmlns:w="w"><w:body>{body}</w:body></w:document>'
    return zipped([("[Content_Types].xml", TYPES), ("word/document.xml", document), *extra])


def paragraph(text):
    return f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>"


def pieces(text, size=2):
    """A paragraph as a word processor leaves it after editing: runs of two letters."""
    runs = "".join(
        f'<w:r><w:rPr><w:lang w:val="zh-CN"/></w:rPr><w:t xml:space="preserve">{escape(text[i:i + size])}</w:t></w:r>'
        f'<w:proofErr w:type="spellEnd"/>' for i in range(0, len(text), size))
    return f"<w:p>{runs}</w:p>"


def word_table(rows):
    cell = "<w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc>"
    return "<w:tbl>" + "".join("<w:tr>" + "".join(cell.format(escape(c)) for c in row) + "</w:tr>" for row in rows) + "</w:tbl>"


def xlsx(rows, shared=True, extra=()):
    """Numbers as numbers, texts as shared or inline strings."""
    strings, body = [], ""
    for r, row in enumerate(rows, 1):
        body += f'<row r="{r}">'
        for c, value in enumerate(row):
            place = f'r="{chr(65 + c)}{r}"'
            if isinstance(value, (int, float)):
                body += f"<c {place}><v>{value!r}</v></c>"
            elif shared:
                if value not in strings:
                    strings.append(value)
                body += f'<c {place} s="1" t="s"><v>{strings.index(value)}</v></c>'
            else:
                body += f'<c {place} t="inlineStr"><is><t>{escape(value)}</t></is></c>'
        body += "</row>"
    # strings in an order of their own, so that only the cells bring them together
    table = "".join(f"<si><t>{escape(s)}</t></si>" for s in strings)
    files = [("[Content_Types].xml", TYPES), ("xl/workbook.xml", XML + "<workbook/>"),
             ("xl/worksheets/sheet1.xml", f"{XML}<worksheet><sheetData>{body}</sheetData></worksheet>")]
    if shared:
        files.append(("xl/sharedStrings.xml", f"{XML}<sst>{table}</sst>"))
    return zipped(files + list(extra))


def pptx(text):
    slide = f'{XML}<p:sld xmlns:p="p" xmlns:a="a"><a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p></p:sld>'
    return zipped([("[Content_Types].xml", TYPES), ("ppt/presentation.xml", XML + "<p:presentation/>"),
                   ("ppt/slides/slide1.xml", slide)])


def odf(kind, body, manifest="<manifest:manifest/>"):
    content = f"{XML}<office:document-content><office:body>{body}</office:body></office:document-content>"
    return zipped([("mimetype", f"application/vnd.oasis.opendocument.{kind}"), ("content.xml", content),
                   ("META-INF/manifest.xml", XML + manifest)])


def odt(text):
    return odf("text", f"<text:p>{escape(text)}</text:p>")


def ods(rows):
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    return odf("spreadsheet", "<table:table>" + "".join(
        "<table:table-row>" + "".join(cell.format(escape(str(c))) for c in row) + "</table:table-row>" for row in rows)
        + "</table:table>")


def ofd(text):
    page = f"{XML}<ofd:Page><ofd:TextObject><ofd:TextCode>{escape(text)}</ofd:TextCode></ofd:TextObject></ofd:Page>"
    return zipped([("OFD.xml", XML + "<ofd:OFD/>"), ("Doc_0/Pages/Page_0/Content.xml", page)])


# ---- PDF -------------------------------------------------------------------------------------------------------------


def stream(data, extra="", filters="FlateDecode", coded=None):
    body = zlib.compress(data) if coded is None else coded
    entry = f"/Filter /{filters}" if filters else ""
    return f"<< /Length {len(body)} {entry} {extra} >>\nstream\n".encode() + body + b"\nendstream"


def pdf(objects, trailer="/Root 1 0 R"):
    """objects: number -> bytes or text."""
    out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    for number, body in objects.items():
        out += f"{number} 0 obj\n".encode() + (body.encode() if isinstance(body, str) else body) + b"\nendobj\n"
    return out + f"trailer\n<< /Size {len(objects) + 1} {trailer} >>\nstartxref\n0\n%%EOF\n".encode()


FONT = "<< /Type /Font /Subtype /TrueType /BaseFont /Arial /Encoding /WinAnsiEncoding >>"


def page_pdf(content, font=FONT, extra=None, page="", trailer="/Root 1 0 R"):
    """One page with one content stream (bytes, or a finished stream object) and a font F1."""
    objects = {1: "<< /Type /Catalog /Pages 2 0 R >>", 2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               3: f"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> {page} >>",
               4: stream(content) if not content.startswith(b"<<") else content, 5: font}
    objects.update(extra or {})
    return pdf(objects, trailer)


def literal(text):
    return "(" + text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") + ")"


def lines(rows):
    """Each row on a line of its own, cells at their columns."""
    out = "BT /F1 10 Tf\n"
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            out += f"1 0 0 1 {72 + 90 * c} {700 - 20 * r} Tm {literal(cell)} Tj\n"
    return (out + "ET").encode()


def kerned(text):
    """A word processor's kerning: small steps within a word, wide ones for spaces."""
    words = []
    for word in text.split():
        words.append(" -15 ".join(literal(letter) for letter in word))
    return ("BT /F1 10 Tf 72 700 Td [" + " -300 ".join(words) + "] TJ ET").encode()


def glyph_by_glyph(text, size=10):
    """Every letter placed by itself, half an em apart."""
    out, x = f"BT /F1 {size} Tf\n", 72.0
    for letter in text:
        if letter != " ":
            out += f"1 0 0 1 {x:.2f} 700 Tm {literal(letter)} Tj\n"
        x += size * (0.55 if letter != " " else 0.9)
    return (out + "ET").encode()


def cmap(pairs, ranges=()):
    """A ToUnicode map of two-byte codes."""
    out = "/CIDInit /ProcSet findresource begin\nbegincmap\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
    if pairs:
        out += f"{len(pairs)} beginbfchar\n" + "".join(f"<{c:04X}> <{ord(t):04X}>\n" for c, t in pairs) + "endbfchar\n"
    if ranges:
        out += f"{len(ranges)} beginbfrange\n" + "".join(f"<{a:04X}> <{b:04X}> {t}\n" for a, b, t in ranges) + "endbfrange\n"
    return (out + "endcmap").encode()


TYPE0 = "<< /Type /Font /Subtype /Type0 /BaseFont /ABCDEF+SimSun /Encoding /Identity-H /DescendantFonts [6 0 R] {} >>"


def lzw(data):
    """PDF's LZW with clear codes often enough to stay at nine bits."""
    codes = []
    for i in range(0, len(data), 200):
        codes += [256, *data[i:i + 200]]
    codes.append(257)
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def predicted(data, columns, pixel=1):
    """Rows under PNG's filters, each of the five in turn."""
    data = data + b" " * (-len(data) % columns)
    out, above = b"", bytes(columns)
    for number, at in enumerate(range(0, len(data), columns)):
        row, kind, line = data[at:at + columns], number % 5, bytearray()
        for i, value in enumerate(row):
            left, corner = (row[i - pixel], above[i - pixel]) if i >= pixel else (0, 0)
            up = above[i]
            near = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
            line.append((value - (0, left, up, (left + up) // 2, near)[kind]) % 256)
        out += bytes([kind]) + line
        above = row
    return out


def ascii85(data):
    import base64
    return base64.a85encode(data) + b"~>"


# ---- laboratories ------------------------------------------------------------------------------------------------------


def abif(at=0):
    return b"\0" * at + b"ABIF" + struct.pack(">H4sIHHIII", 101, b"tdir", 1, 1023, 28, 2, 56, 128) + b"\0" * 200


CMF = """<?xml version="1.0" encoding="UTF-8"?>
<CODISImportFile xmlns="urn:CODISImportFile-schema"><HEADERVERSION>3.2</HEADERVERSION>
<SPECIMEN><SPECIMENID>S-1</SPECIMENID><LOCUS><LOCUSNAME>D3S1358</LOCUSNAME>
<ALLELE><ALLELEVALUE>15</ALLELEVALUE></ALLELE></LOCUS></SPECIMEN></CODISImportFile>"""

NIEM = """<itl:PackageDNARecord xmlns:itl="i" xmlns:biom="b"><biom:DNASTRProfile><biom:DNALocusIdentification/>
<biom:DNAAlleleCall1Text>15</biom:DNAAlleleCall1Text></biom:DNASTRProfile></itl:PackageDNARecord>"""


# ---- pictures ----------------------------------------------------------------------------------------------------------


def exif(order="<", orientation=6, place=True, secret=b"SECRET CAMERA 12345"):
    """A TIFF directory with a maker, an orientation and a place."""
    def entry(tag, kind, count, value):
        return struct.pack(order + "HHI", tag, kind, count) + value
    count = 2 + (1 if place else 0)
    after = 8 + 2 + 12 * count + 4
    maker_at = after
    gps_at = maker_at + len(secret)
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, count)
    out += entry(0x10f, 2, len(secret), struct.pack(order + "I", maker_at))
    out += entry(0x112, 3, 1, struct.pack(order + "HH", orientation, 0))
    if place:
        out += entry(0x8825, 4, 1, struct.pack(order + "I", gps_at))
    out += struct.pack(order + "I", 0) + secret
    if place:
        angles = gps_at + 2 + 12 * 4 + 4
        out += struct.pack(order + "H", 4)
        out += entry(1, 2, 2, b"N\0\0\0") + entry(2, 5, 3, struct.pack(order + "I", angles))
        out += entry(3, 2, 2, b"E\0\0\0") + entry(4, 5, 3, struct.pack(order + "I", angles + 24))
        out += struct.pack(order + "I", 0)
        out += struct.pack(order + "6I", 39, 1, 7, 1, 3033, 100) + struct.pack(order + "6I", 117, 1, 13, 1, 4521, 100)
    return out


def segment(marker, body):
    return bytes([0xff, marker]) + struct.pack(">H", len(body) + 2) + body


SCAN = b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd7\x78"
ICC = b"ICC_PROFILE\0\x01\x01" + b"profile" * 8


def jpeg(head=b"", tail=b"", scan=SCAN, end=b"\xff\xd9"):
    return (b"\xff\xd8" + head + segment(0xdb, b"\0" + bytes(64)) + segment(0xc0, b"\x08\0\x10\0\x10\x01\x01\x11\0")
            + segment(0xda, b"\x01\x01\0\0\x3f\0") + scan + end + tail)


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(before=b"", after=b"", tail=b""):
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)) + before
            + chunk(b"IDAT", zlib.compress(b"\0\x80")) + after + chunk(b"IEND") + tail)


def riff(kind, body):
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def webp(chunks, tail=b""):
    body = b"WEBP" + chunks
    return b"RIFF" + struct.pack("<I", len(body)) + body + tail


def vp8x(flags):
    return riff(b"VP8X", bytes([flags]) + bytes(9))


def heic():
    return struct.pack(">I", 24) + b"ftypheic" + b"\0" * 4 + b"mif1heic" + b"\0" * 64


def mp4():
    return struct.pack(">I", 24) + b"ftypisom" + b"\0" * 4 + b"isomiso2" + b"\0" * 64
