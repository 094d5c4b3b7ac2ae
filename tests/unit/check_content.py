#!/usr/bin/env python3
"""check_content.py PROBE: files of every format, with and without a DNA profile in them, hostile ones, and photos.

PROBE is content_probe of the build. Files are made in a temporary folder, which goes away afterwards.
"""
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
import zlib

import content_files as f

PROBE = None


def probe(*arguments):
    run = subprocess.run([PROBE, *arguments], capture_output=True, timeout=120, check=False)
    if run.returncode:
        raise AssertionError(f"{arguments}: exit {run.returncode}\n{run.stderr.decode(errors='replace')[-4000:]}")
    return [line.split("\t") for line in run.stdout.decode("utf-8").splitlines()]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="leadbus-content-")
        self.addCleanup(self.folder.cleanup)

    def examine(self, name, data):
        path = self.write(name, data.encode() if isinstance(data, str) else data)
        [line] = probe("examine", path)
        return line

    def fine(self, name, data, pictures=0, unread=0):
        line = self.examine(name, data)
        self.assertEqual(line[0], "fine", (name, line))
        self.assertEqual((line[5], line[6]), (str(pictures), str(unread)), (name, line))

    def profile(self, name, data, path=None):
        line = self.examine(name, data)
        self.assertEqual(line[0], "forbidden_content", (name, line))
        if path:
            self.assertEqual(line[1], f'"{name}" > {path}')

    def cannot(self, name, data, reason=None, path=None):
        line = self.examine(name, data)
        self.assertEqual(line[0], "content_unexaminable", (name, line))
        if reason:
            self.assertIn(reason, line[2])
        if path:
            self.assertEqual(line[1], f'"{name}" > {path}')


    def write(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(data)
        return path


class Text(Case):
    def test_encodings(self):
        table = "\r\n".join("\t".join(row) for row in f.ROWS)
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"):
            with self.subTest(encoding):
                self.profile("a.csv", ("位点\t等位基因\r\n" + table).encode(encoding))
                self.fine("b.csv", ("位点\t等位基因\r\n" + f.TALK).encode(encoding))

    def test_full_width_in_gb18030(self):
        wide = "".join(chr(ord(c) + 0xfee0) if "!" <= c <= "~" else c for c in f.PROFILE)
        self.profile("a.txt", ("检验结果：" + wide).encode("gb18030"))

    def test_a_stray_byte_does_not_hide_ascii(self):
        self.profile("a.txt", b"\xd6" + f.PROFILE.encode().replace(b"; ", b"\n\xd6") + b"\n")

    def test_a_wide_table(self):
        head = "样本," + ",".join(f.LOCI)
        row = "S-01," + ",".join(f'"{a},{b}"' for a, b in f.ALLELES)
        self.profile("a.csv", head + "\n" + row)
        self.fine("b.csv", head + "\n" + "S-01," + ",".join("待检" for _ in f.LOCI))

    def test_ordinary_files(self):
        self.fine("a.txt", "")
        self.fine("a.txt", "ABIF 是测序仪的一种文件格式。CODISImportFile 是一个单词。%PDF- 也是。\n")
        self.fine("a.csv", "房间,姓名\n" + "\n".join(f"{n},张{n}" for n in range(101, 400)))
        self.fine("a.csv", "\n".join("%02d,%02d,%02d,%02d,%02d,%02d+%02d" % tuple((i * k) % 33 + 1 for k in (1, 3, 5, 7, 11, 13, 2))
                                     for i in range(200)))

    def test_html_and_xml(self):
        rows = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in f.ROWS)
        self.profile("a.html", f"<!DOCTYPE html><html><body><table>{rows}</table></body></html>")
        self.profile("b.html", "<html><p>" + f.PROFILE.replace("S", "<b>S</b>").replace(",", "&#44;") + "</p></html>")
        self.profile("c.xml", "<r>" + "".join(f'<l n="{a}" a1="{b}" a2="{c}"/>' for a, b, c in f.ROWS) + "</r>")
        self.profile("d.xml", "<r><![CDATA[" + f.PROFILE + "]]></r>")
        self.fine("e.html", f"<html><body><p>{f.TALK}</p></body></html>")
        self.fine("f.xml", "<r>&lt;CODISImportFile&gt; 与 &lt;ALLELEVALUE&gt; 是元素名</r>")
        self.fine("g.xml", "<SPECIMEN>标本</SPECIMEN>")

    def test_rich_text(self):
        rows = "".join(r"\trowd " + "".join(rf"\pard\intbl {c}\cell " for c in row) + r"\row" + "\n" for row in f.ROWS)
        self.profile("a.rtf", r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}" + rows + "}")
        wide = "".join(r"\'%02x\'%02x" % tuple(chr(ord(c) + 0xfee0).encode("gb18030")) if "0" <= c <= "z" else c for c in f.PROFILE)
        self.profile("b.rtf", r"{\rtf1\ansi\ansicpg936 " + wide + "}")
        self.profile("c.rtf", r"{\rtf1\uc1 " + "".join(rf"\u{ord(c)}?" for c in f.PROFILE) + "}")
        self.profile("d.rtf", r"{\rtf1 " + f.PROFILE.replace("S", r"{\b S}").replace("; ", r"\par ") + "}")
        self.fine("e.rtf", r"{\rtf1\ansi\ansicpg936 " + "".join(r"\'%02x" % b for b in f.TALK.encode("gb18030")) + "}")
        self.fine("f.rtf", r"{\rtf1 {\pict\pngblip 89504e47}}", pictures=1)
        self.cannot("g.rtf", r"{\rtf1 {\object{\*\objdata 0105}}}", "embedded")
        self.cannot("i.rtf", r"{\rtf1" + "{" * 1000, "nested")

    def test_mail(self):
        self.cannot("a.eml", "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n", "files")
        self.fine("b.eml", "Subject: x\r\nContent-Transfer-Encoding: 8bit\r\n\r\nAAAA\r\n")
        self.fine("c.txt", "The header Content-Transfer-Encoding: base64 marks files.\n")


class Laboratory(Case):
    def test_traces_and_databases(self):
        self.profile("a.jpg", f.abif())  # whatever its name says
        self.profile("b.fsa", f.abif(128))
        self.profile("c.xml", f.CMF)
        self.profile("d.xml", f.NIEM)
        self.profile("e.xml", f.CMF.encode("utf-16"))
        self.profile("f.scf", b".scf" + bytes(124))
        self.profile("g.vcf", "##fileformat=VCFv4.2\n#CHROM\tPOS\n")

    def test_within_a_zip(self):
        self.profile("a.zip", f.zipped([("读我.txt", "x"), ("trace.fsa", f.abif())]), "trace.fsa")
        self.profile("b.zip", f.zipped([("x.xml", f.CMF)]), "x.xml")


class Office(Case):
    def test_documents(self):
        self.profile("a.docx", f.docx(f.paragraph(f.PROFILE)), "word/document.xml")
        self.profile("b.docx", f.docx(f.pieces(f.PROFILE)), "word/document.xml")
        self.profile("c.docx", f.docx(f.word_table(f.ROWS)), "word/document.xml")
        text = "\n".join(" ".join(row) for row in f.ROWS)
        self.profile("t.docx", f.docx(f.paragraph("x"), [("docProps/thumbnail.jpeg", text)]), "docProps/thumbnail.jpeg")
        self.fine("p.docx", f.docx(f.paragraph("x"), [("docProps/thumbnail.jpeg", f.jpeg())]))
        wide = [["样本", *f.LOCI], ["S-1", *(f"{a},{b}" for a, b in f.ALLELES)]]
        self.profile("d.docx", f.docx(f.word_table(wide)), "word/document.xml")
        foot = [("word/footnotes.xml", f.XML + "<w:f xmlns:w='w'>" + f.paragraph(f.PROFILE) + "</w:f>")]
        self.profile("e.docx", f.docx(f.paragraph("x"), foot), "word/footnotes.xml")
        self.fine("f.docx", f.docx(f.paragraph(f.TALK) + f.word_table([["房间", "人"], ["12,15", "16,18"], ["14,18", "21,24"]])))
        utf16 = (f.XML.replace("UTF-8", "UTF-16") + "<w:d xmlns:w='w'>" + f.paragraph(f.PROFILE) + "</w:d>").encode("utf-16")
        self.profile("g.docx", f.docx(f.paragraph("x"), [("word/header1.xml", utf16)]), "word/header1.xml")

    def test_workbooks(self):
        numbers = [[a, float(b), float(c)] for a, b, c in f.ROWS]
        texts = [["S-1", a, f"{b}/{c}"] for a, b, c in f.ROWS]
        for shared in (True, False):
            self.profile("a.xlsx", f.xlsx(numbers, shared), "xl/worksheets/sheet1.xml")
            self.profile("b.xlsx", f.xlsx(texts, shared))
        columns = [["样本", *f.LOCI], ["S-1", *(f"{a},{b}" for a, b in f.ALLELES)]]
        self.profile("c.xlsx", f.xlsx(columns))
        pairs = [[x for locus in f.LOCI for x in (locus, locus)], [float(x) for pair in f.ALLELES for x in pair]]
        self.profile("d.xlsx", f.xlsx(pairs), "xl/worksheets/sheet1.xml")
        self.fine("e.xlsx", f.xlsx([["编号", "位点", "状态"], *([f"S-{i}", locus, "待检"] for i, locus in enumerate(f.LOCI))]))
        self.fine("f.xlsx", f.xlsx([[101 + r * 10 + c for c in range(8)] for r in range(20)]))
        self.fine("g.xlsx", f.xlsx([[(r * 7 + c * 5) % 33 + 1 for c in range(7)] for r in range(50)]))

    def test_how_a_string_is_read_is_not_what_it_says(self):
        table = "".join(f"<si><r><t>{a[:2]}</t></r><rPh sb='0' eb='1'><t>よみ 99</t></rPh><r><t>{a[2:]}</t></r></si>" for a in f.LOCI)
        rows = "".join(f'<row><c t="s"><v>{i}</v></c><c><v>{b}</v></c><c><v>{c}</v></c></row>' for i, (_, b, c) in enumerate(f.ROWS))
        self.profile("a.xlsx", f.zipped([("[Content_Types].xml", f.TYPES), ("xl/workbook.xml", f.XML + "<workbook/>"),
                                         ("xl/worksheets/sheet1.xml", f"{f.XML}<sheetData>{rows}</sheetData>"),
                                         ("xl/sharedStrings.xml", f"{f.XML}<sst>{table}</sst>")]))

    def test_a_spreadsheet_of_floats(self):
        rows = [["TH01", 7, 9.3000000000000007], ["D21S11", 29, 31.199999999999999], ["FGA", 21.2, 24], ["vWA", 14, 18]]
        self.profile("a.xlsx", f.xlsx(rows), "xl/worksheets/sheet1.xml")

    def test_others(self):
        self.profile("a.pptx", f.pptx(f.PROFILE), "ppt/slides/slide1.xml")
        self.profile("b.odt", f.odt(f.PROFILE), "content.xml")
        self.profile("c.ods", f.ods(f.ROWS), "content.xml")
        self.profile("d.ofd", f.ofd(f.PROFILE), "Doc_0/Pages/Page_0/Content.xml")
        for name, data in (("a.pptx", f.pptx(f.TALK)), ("b.odt", f.odt(f.TALK)), ("c.ods", f.ods([["房间", 12, 15]])),
                           ("d.ofd", f.ofd(f.TALK))):
            self.fine(name, data)

    def test_pictures_need_a_person(self):
        self.fine("a.docx", f.docx(f.paragraph("x"), [("word/media/image1.png", f.png())]), pictures=1)
        self.fine("b.docx", f.docx(f.paragraph("x"), [("docProps/thumbnail.jpeg", f.jpeg())]))
        self.fine("c.docx", f.docx(f.paragraph("x"), [("word/media/image1.emf", b"\1\0\0\0" + bytes(40))]), pictures=1)

    def test_embedded(self):
        inner = f.xlsx([[a, float(b), float(c)] for a, b, c in f.ROWS])
        self.profile("a.docx", f.docx(f.paragraph("x"), [("word/embeddings/book.xlsx", inner)]),
                     "word/embeddings/book.xlsx > xl/worksheets/sheet1.xml")
        ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
        self.cannot("b.docx", f.docx(f.paragraph("x"), [("word/embeddings/oleObject1.bin", ole)]), "embedded")
        self.fine("c.docx", f.docx(f.paragraph("x"), [("word/vbaProject.bin", ole)]))
        deep = f.docx(f.paragraph("x"), [("word/embeddings/a.docx", f.docx(f.paragraph("y")))])
        self.fine("d.docx", deep)
        self.cannot("e.zip", f.zipped([("d.docx", deep)]), "by itself")

    def test_encrypted(self):
        manifest = "<manifest:manifest><manifest:file-entry><manifest:encryption-data/></manifest:file-entry></manifest:manifest>"
        self.cannot("a.odt", f.odf("text", "", manifest), "password")
        ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + "EncryptedPackage".encode("utf-16-le") + bytes(100)
        self.cannot("b.docx", ole, "password")

    def test_old_binary_files(self):
        head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
        self.cannot("a.doc", head + f.TALK.encode("utf-16-le"), "docx")
        self.profile("b.doc", head + f.PROFILE.encode("utf-16-le"))
        self.profile("c.doc", head + b"\1" + f.PROFILE.encode("utf-16-le"))
        self.profile("d.xls", head + f.PROFILE.encode())
        # cells of a word processor, strings of a workbook with their lengths before them
        self.profile("f.doc", head + "\a".join(cell for row in f.ROWS for cell in row).encode("utf-16-le"))
        self.profile("g.xls", head + b"".join(struct.pack("<HB", len(c), 0) + c.encode() for row in f.ROWS for c in row))
        self.cannot("e.xlsb", f.zipped([("[Content_Types].xml", f.TYPES), ("xl/workbook.bin", b"x")]), "xlsx")


class Pdf(Case):
    def test_text(self):
        self.profile("a.pdf", f.page_pdf(f.lines(f.ROWS)))
        self.profile("b.pdf", f.page_pdf(f.kerned(f.PROFILE)))
        self.profile("c.pdf", f.page_pdf(f.glyph_by_glyph(f.PROFILE)))
        self.fine("d.pdf", f.page_pdf(f.lines([["Room", "Persons"], ["12", "15"], ["D8S1179", "sent to laboratory"]])))
        wide = [["Sample", *f.LOCI], ["S-1", *(f"{a},{b}" for a, b in f.ALLELES)]]
        self.profile("e.pdf", f.page_pdf(f.lines(wide)))
        # cells too narrow for a name: it goes on in the line below
        narrow = [[(x, y, part) for x, cell in enumerate(row) for y, part in enumerate((cell[:4], cell[4:])) if part] for row in wide]
        text = "".join(f"1 0 0 1 {72 + 40 * x} {700 - 60 * r - 13 * y} Tm {f.literal(part)} Tj\n"
                       for r, row in enumerate(narrow) for x, y, part in row)
        self.profile("g.pdf", f.page_pdf(f"BT /F1 10 Tf\n{text}ET".encode()))
        columns = [list(column) for column in zip(*wide)]
        self.profile("f.pdf", f.page_pdf(f.lines(columns)))

    def test_escapes(self):
        octal = "".join("\\%03o" % ord(c) for c in f.PROFILE)
        self.profile("a.pdf", f.page_pdf(f"BT /F1 9 Tf 72 700 Td ({octal}) Tj ET".encode()))
        self.profile("b.pdf", f.page_pdf(f"BT /F1 9 Tf <{f.PROFILE.encode().hex()}> Tj ET".encode()))
        folded = f.PROFILE.replace("S", "S\\\n")
        self.profile("c.pdf", f.page_pdf(f"BT /F1 9 Tf T* ({folded}) ' ET".encode()))

    def test_character_maps(self):
        letters = sorted(set(f.PROFILE))
        codes = {letter: 3 + i for i, letter in enumerate(letters)}
        text = "BT /F1 9 Tf <" + "".join(f"{codes[c]:04x}" for c in f.PROFILE) + "> Tj ET"
        pairs = f.stream(f.cmap([(codes[c], c) for c in letters]))
        rows = [(code, code, f"<{ord(c):04X}>") for c, code in codes.items()]
        ranges = f.stream(f.cmap([], rows))
        array = "[" + " ".join(f"<{ord(c):04X}>" for c in letters) + "]"
        list_range = f.stream(f.cmap([], [(3, 2 + len(letters), array)]))
        wide = f.stream(f.cmap([(codes[c], chr(ord(c) + 0xfee0) if "!" <= c <= "~" else c) for c in letters]))
        for name, to_unicode in (("a", pairs), ("b", ranges), ("c", list_range), ("d", wide)):
            with self.subTest(name):
                font = f.TYPE0.format("/ToUnicode 7 0 R")
                self.profile("a.pdf", f.page_pdf(text.encode(), font, {6: "<< /Type /Font /Subtype /CIDFontType2 >>", 7: to_unicode}))

    def test_fonts_without_a_map(self):
        def shown(offset):
            return ("BT /F1 9 Tf <" + "".join(f"{ord(c) - offset:04x}" for c in f.PROFILE) + "> Tj ET").encode()
        plain = {6: "<< /Type /Font /Subtype /CIDFontType2 /CIDSystemInfo << /Ordering (Identity) >> >>"}
        gb1 = {6: "<< /Type /Font /Subtype /CIDFontType0 /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) >> >>"}
        self.profile("a.pdf", f.page_pdf(shown(29), f.TYPE0.format(""), plain))
        self.profile("b.pdf", f.page_pdf(shown(31), f.TYPE0.format(""), gb1))
        utf16 = "BT /F1 9 Tf <" + f.PROFILE.encode("utf-16-be").hex() + "> Tj ET"
        self.profile("c.pdf", f.page_pdf(utf16.encode(), f.TYPE0.format("").replace("Identity-H", "UniGB-UCS2-H"), gb1))
        wide = "".join(chr(ord(c) + 0xfee0) if "0" <= c <= "z" else c for c in f.PROFILE)
        gbk = "BT /F1 9 Tf <" + wide.encode("gb18030").hex() + "> Tj ET"
        self.profile("d.pdf", f.page_pdf(gbk.encode(), f.TYPE0.format("").replace("Identity-H", "GBK-EUC-H"), gb1))
        self.fine("e.pdf", f.page_pdf(b"BT /F1 9 Tf <12341235> Tj ET", f.TYPE0.format(""), plain), unread=1)

    def test_named_glyphs(self):
        names = {"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven",
                 "8": "eight", "9": "nine", ",": "comma", ".": "period", ";": "semicolon", " ": "space"}
        letters = sorted(set(f.PROFILE))
        difference = "[ 1 " + " ".join("/" + names.get(c, c) for c in letters) + " ]"
        font = f"<< /Type /Font /Subtype /Type1 /Encoding << /Type /Encoding /Differences {difference} >> >>"
        text = "BT /F1 9 Tf <" + "".join(f"{letters.index(c) + 1:02x}" for c in f.PROFILE) + "> Tj ET"
        self.profile("a.pdf", f.page_pdf(text.encode(), font))

    def test_filters(self):
        content = f.lines(f.ROWS)
        coded = {"LZWDecode": f.lzw(content), "ASCII85Decode": f.ascii85(content), "ASCIIHexDecode": content.hex().encode() + b">",
                 "RunLengthDecode": b"".join(bytes([len(content[i:i + 100]) - 1]) + content[i:i + 100]
                                             for i in range(0, len(content), 100)) + b"\x80",
                 "": content}
        for name, data in coded.items():
            with self.subTest(name):
                self.profile("a.pdf", f.page_pdf(f.stream(b"", filters=name, coded=data)))
        both = f.stream(b"", filters="", coded=f.ascii85(zlib.compress(content)), extra="/Filter [/ASCII85Decode /FlateDecode]")
        self.profile("b.pdf", f.page_pdf(both))
        self.profile("c.pdf", f.page_pdf(f.stream(f.predicted(content, 12), "/DecodeParms << /Predictor 12 /Columns 12 >>")))
        three = "/DecodeParms << /Predictor 15 /Columns 4 /Colors 3 >>"
        self.profile("c.pdf", f.page_pdf(f.stream(f.predicted(content, 12, 3), three)))
        self.cannot("d.pdf", f.page_pdf(f.stream(b"", filters="NewDecode", coded=content)), "print")
        self.cannot("e.pdf", f.page_pdf(f.stream(b"", coded=b"no zlib at all")), "damaged")

    def test_cut_into_streams(self):
        content = f.lines(f.ROWS)
        middle = content.index(b"\n", len(content) // 2) + 1
        extra = {8: f.stream(content[:middle]), 9: f.stream(content[middle:])}
        self.profile("a.pdf", f.page_pdf(b"", extra=extra).replace(b"/Contents 4 0 R", b"/Contents [8 0 R 9 0 R]"))

    def test_object_streams(self):
        inner = {3: "<< /Type /Page /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>", 5: f.TYPE0.format("/ToUnicode 7 0 R")}
        places, bodies = [], b""
        for number, body in inner.items():
            places.append(f"{number} {len(bodies)}")
            bodies += body.encode() + b" "
        head = " ".join(places).encode() + b" "
        letters = sorted(set(f.PROFILE))
        text = "BT /F1 9 Tf <" + "".join(f"{letters.index(c) + 3:04x}" for c in f.PROFILE) + "> Tj ET"
        objects = {4: f.stream(text.encode()), 7: f.stream(f.cmap([(letters.index(c) + 3, c) for c in letters])),
                   9: f.stream(head + bodies, f"/Type /ObjStm /N {len(inner)} /First {len(head)}")}
        self.profile("a.pdf", f.pdf(objects))

    def test_other_places(self):
        form = f.stream(f.lines(f.ROWS), "/Type /XObject /Subtype /Form /Resources << /Font << /F1 5 0 R >> >>")
        self.profile("a.pdf", f.page_pdf(b"q /X1 Do Q", extra={8: form}))
        note = f"<< /Type /Annot /Subtype /Text /Contents {f.literal(f.PROFILE)} >>"
        self.profile("b.pdf", f.page_pdf(b"", extra={8: note}))
        wide = "<feff" + f.PROFILE.encode("utf-16-be").hex() + ">"
        self.profile("c.pdf", f.page_pdf(b"", extra={8: f"<< /T (field) /V {wide} >>"}))
        self.profile("d.pdf", f.page_pdf(b"", extra={8: f.stream(f"<xfa><v>{f.PROFILE}</v></xfa>".encode())}))
        earlier = f.page_pdf(f.lines(f.ROWS))
        self.profile("e.pdf", earlier + f.page_pdf(f.lines([["replaced"]])))

    def test_files_in_it(self):
        def with_file(data):
            extra = {8: "<< /Type /Filespec /F (x) /EF << /F 9 0 R >> >>", 9: f.stream(data, "/Type /EmbeddedFile")}
            return f.page_pdf(b"", extra=extra)
        self.profile("a.pdf", with_file(f.CMF.encode()), "file")
        self.profile("b.pdf", with_file(f.docx(f.paragraph(f.PROFILE))), "file > word/document.xml")
        self.fine("c.pdf", with_file(f.TALK.encode()))
        self.cannot("d.pdf", with_file(f.zipped([("a.txt", "x")])), "zip")

    def test_pictures_need_a_person(self):
        picture = f.stream(b"", "/Type /XObject /Subtype /Image /Width 1 /Height 1", "DCTDecode", f.jpeg())
        self.fine("a.pdf", f.page_pdf(b"q /I Do Q", extra={8: picture}), pictures=1)
        self.fine("b.pdf", f.page_pdf(b"q BI /W 1 /H 1 ID \x01(EI\x02 EI Q"), pictures=1)

    def test_encrypted_and_damaged(self):
        self.cannot("a.pdf", f.page_pdf(b"", trailer="/Root 1 0 R /Encrypt 9 0 R"), "password")
        xref = f.stream(bytes(20), "/Type /XRef /W [1 2 1] /Encrypt 9 0 R")
        self.cannot("b.pdf", f.page_pdf(b"", extra={8: xref}), "password")
        self.cannot("c.pdf", b"%PDF-1.7\nnothing", "damaged")
        self.cannot("d.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Page ", "damaged")
        self.fine("e.pdf", b"junk before\n" + f.page_pdf(b""))

    def test_what_is_read_again_and_again_is_bounded(self):
        """Each took hours when a look ahead, or a value that does not end, cost nothing."""
        page = b"%PDF-1.5\n2 0 obj<</Type/Page>>endobj\n"
        pairs = b"1 0 " * 200000
        endless = f.stream(pairs + b"[" + b"1 " * 2000000, f"/Type /ObjStm /N 200000 /First {len(pairs)}")
        self.cannot("a.pdf", page + b"1 0 obj" + endless + b"endobj", "looked into")
        self.cannot("b.pdf", page + b"4 0 obj<<" + b"/A 1" * 1000000 + b">>endobj"
                    + b" 3 0 obj<</EF 4 0 R>>endobj" * 20000, "looked into")
        self.fine("c.pdf", page + b"trailer 1(" * 100000 + b"x" * 4000000)
        self.fine("d.pdf", page + b" 3 0 obj<<>>(" * 100000 + b"x" * 4000000)


class Noise(Case):
    def test_what_lies_far_apart_in_other_bytes_is_no_table(self):
        """Three letters of a locus and two digits of an allele are somewhere in any few megabytes."""
        apart = b"\1\2\3\4\5\6\x0e\x0f" * 8
        crumbs = apart.join(" ".join(row).encode() for row in f.ROWS)
        self.cannot("a.bin", apart + crumbs + apart, "format")
        self.cannot("b.zip", f.zipped([("x.bin", apart + crumbs)]), "format", "x.bin")
        self.fine("c.docx", f.docx(f.paragraph("x"), [("word/fonts/font1.odttf", apart + crumbs)]))
        close = b"\1\2\3".join(" ".join(row).encode() for row in f.ROWS)
        self.profile("d.bin", apart + close)

    def test_random_bytes(self):
        noise = random.Random(20260302)
        self.cannot("a.bin", b"\0\1" + noise.randbytes(4 << 20), "format")


class Zip(Case):
    def test_one_level(self):
        self.profile("a.zip", f.zipped([("报告/检验报告.docx", f.docx(f.paragraph(f.PROFILE)))]),
                     "报告/检验报告.docx > word/document.xml")
        self.profile("b.zip", f.zipped([("a.txt", f.PROFILE)], zipfile.ZIP_STORED), "a.txt")
        self.fine("c.zip", f.zipped([("a.txt", f.TALK), ("b.docx", f.docx(f.paragraph(f.TALK))), ("c.jpg", f.jpeg()),
                                     ("d.mp4", f.mp4())]), pictures=1, unread=1)
        self.fine("d.zip", f.zipped([]))
        self.cannot("e.zip", f.zipped([("a.zip", f.zipped([("a.txt", "x")]))]), "zip", "a.zip")
        self.cannot("f.zip", f.zipped([("a.rar", b"Rar!\x1a\x07\0" + bytes(30))]), "archive", "a.rar")
        self.cannot("g.zip", f.zipped([("a.bin", bytes(range(256)) * 4)]), "format", "a.bin")

    def test_names_that_are_no_text(self):
        self.profile("a.zip", f.zipped([("ok.txt", "x"), ("b\x1b[2J", f.PROFILE)]), "#2")
        data = f.zipped([("检验结果.txt", f.PROFILE)])
        self.profile("b.zip", data.replace("检验结果.txt".encode(), "检验结果果.txt".encode("gb18030") + b"__"), "#1")

    def test_encrypted(self):
        data = bytearray(f.zipped([("a.txt", "x" * 100)]))
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        self.cannot("a.zip", bytes(data), "password", None)

    def test_bombs(self):
        zeros = f.zipped([("a.txt", bytes(40 << 20))])
        self.cannot("a.zip", zeros, "unpacks", "a.txt")
        many = f.zipped([(f"{i}.txt", b" " * (30 << 20)) for i in range(6)])
        self.cannot("b.zip", many, "unpacks")
        lying = bytearray(f.zipped([("a.txt", b"0" * 100000)]))
        central = lying.index(b"PK\x01\x02")
        lying[22:26] = lying[central + 24:central + 28] = struct.pack("<I", 1000)
        self.cannot("c.zip", bytes(lying), "more than it says", "a.txt")
        short = bytearray(f.zipped([("a.txt", b"0" * 1000)]))
        central = short.index(b"PK\x01\x02")
        short[22:26] = short[central + 24:central + 28] = struct.pack("<I", 100000)
        self.cannot("d.zip", bytes(short), "damaged", "a.txt")
        self.cannot("e.docx", f.docx(f.paragraph("x"), [("word/a.xml", b" " * (40 << 20))]), "unpacks", "word/a.xml")

    def test_overlapping_files(self):
        """Two names for the same bytes: the trick of bombs that are small and flat."""
        data = f.zipped([("a.txt", b"0" * 1000)])
        central, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
        row = data[central:end]
        tail = bytearray(data[end:])
        tail[8:12] = struct.pack("<HH", 2, 2)
        tail[12:16] = struct.pack("<I", 2 * len(row))
        self.cannot("a.zip", data[:central] + row + row + bytes(tail), "damaged")

    def test_a_directory_that_lies(self):
        data = f.zipped([("aaaa.txt", f.TALK)])
        central = data.index(b"PK\x01\x02")
        self.cannot("a.zip", data[:central] + data[central:].replace(b"aaaa", b"bbbb"), "damaged")
        wrong = bytearray(data)
        wrong[central + 16] ^= 1
        wrong[14] ^= 1
        self.cannot("b.zip", bytes(wrong), "damaged")
        self.cannot("c.zip", data[:-5], "damaged")
        self.cannot("d.zip", data + b"x", "damaged")
        self.cannot("e.zip", f.zipped([("a.txt", "x" * 1000)], zipfile.ZIP_BZIP2), "DEFLATE")
        many = f.zipped([(f"{i}", "") for i in range(5000)])
        self.cannot("f.zip", many, "too many")

    def test_every_truncation_and_every_flipped_byte(self):
        """No verdict is wrong enough to be a crash; the profile is never let through as fine."""
        data = f.zipped([("a.xml", f.CMF)])
        paths = []
        for i in range(len(data)):
            for name, changed in (("t", data[:i]), ("f", data[:i] + bytes([data[i] ^ 0x41]) + data[i + 1:])):
                paths.append(self.write(f"{name}{i}", changed))
        for path, line in zip(paths, probe("examine", *paths)):
            name = os.path.basename(path)
            self.assertIn(line[0], ("forbidden_content", "content_unexaminable", "fine"))
            if line[0] == "fine":  # nothing that still is a zip
                self.assertNotEqual(line[3], "application/zip", name)


ID = "11010519491231002X"
MOBILE = "13912345678"


class Numbers(Case):
    """Identity and telephone numbers, which files of kinds without personal data may not have."""

    def numbers(self, name, data):
        path = self.write(name, data.encode() if isinstance(data, str) else data)
        [line] = probe("numbers", path)
        return line

    def found(self, name, data, word, path=None):
        """In a public kind it is refused, and only there."""
        line = self.numbers(name, data)
        self.assertEqual(line[0], "forbidden_content", (name, line))
        self.assertIn(word, line[2])
        if path:
            self.assertEqual(line[1], f'"{name}" > {path}')
        self.assertEqual(self.examine(name, data)[0], "fine", name)

    def passes(self, name, data):
        line = self.numbers(name, data)
        self.assertEqual(line[0], "fine", (name, line))

    def each(self, make, name, path=None):
        self.found(name, make(f"联系人证件 {ID} 。"), "identity", path)
        self.found(name, make(f"请电 {MOBILE} 。"), "phone", path)
        self.found(name, make("tel. 022-24311234, room 5"), "phone", path)
        self.passes(name, make("举报电话 24311234、110、12338，2026-03-02 14:26，河公〔2026〕88号，120102002001。"))

    def test_text(self):
        for encoding in ("utf-8", "utf-16", "gb18030"):
            with self.subTest(encoding):
                self.each(lambda text, e=encoding: ("一行\r\n" + text + "\r\n").encode(e), "a.txt")
        self.found("b.csv", f"姓名,电话\n甲,{MOBILE}\n", "phone")
        self.passes("c.csv", f"编号,数\n{MOBILE[:6]},{MOBILE[6:]}\n1,2026\n")
        wide = "".join(chr(ord(c) + 0xfee0) for c in MOBILE)
        self.found("d.txt", wide.encode("gb18030") + "打来".encode("gb18030"), "phone")

    def test_html_and_rtf(self):
        self.each(lambda text: f"<!DOCTYPE html><html><body><p>{text}</p></body></html>", "a.html")
        self.found("b.html", "<html><body><p>1391<b>234</b>5678</p></body></html>", "phone")
        self.passes("c.html", "<html><body><table><tr><td>139123</td><td>45678</td></tr></table></body></html>")
        self.found("a.rtf", r"{\rtf1\ansi call " + MOBILE[:4] + r"{\b " + MOBILE[4:] + "} today}", "phone")
        self.found("b.rtf", r"{\rtf1\ansi " + ID + r"\par}", "identity")

    def test_office(self):
        self.each(lambda text: f.docx(f.paragraph("正文") + f.paragraph(text)), "a.docx", "word/document.xml")
        self.each(lambda text: f.docx(f.pieces(text)), "b.docx", "word/document.xml")
        self.each(lambda text: f.xlsx([["事项", "说明"], ["一", text]]), "a.xlsx")
        self.each(lambda text: f.xlsx([["事项", "说明"], ["一", text]], shared=False), "b.xlsx")
        self.found("c.xlsx", f.xlsx([["电话"], [int(MOBILE)]]), "phone", "xl/worksheets/sheet1.xml")
        self.passes("d.xlsx", f.xlsx([[139123, 45678], [13900000, 12345678]]))
        self.each(f.odt, "a.odt")
        self.each(f.pptx, "a.pptx")
        self.each(f.ofd, "a.ofd")

    def test_pdf(self):
        for at, make in enumerate((f.kerned, f.glyph_by_glyph, lambda text: f.lines([["Name", "Number"], ["A", text]]))):
            with self.subTest(at):
                self.found("a.pdf", f.page_pdf(make(f"call {MOBILE} now")), "phone")
                self.found("b.pdf", f.page_pdf(make(f"paper {ID} of")), "identity")
                self.passes("c.pdf", f.page_pdf(make("call 24311234 or 110 since 2026-03-02")))
        title = f.page_pdf(f.lines([["x"]]), extra={9: f"<< /Title (call {MOBILE}) >>"})
        self.found("d.pdf", title, "phone")
        self.passes("e.pdf", f.page_pdf(f.lines([["139123", "45678"]])))

    def test_zip_one_level(self):
        inner = f.docx(f.paragraph(f"证件 {ID}"))
        self.found("a.zip", f.zipped([("one.txt", "fine"), ("two.docx", inner)]), "identity",
                   "two.docx > word/document.xml")
        self.found("b.zip", f.zipped([("one.txt", f"电话 {MOBILE}")]), "phone", "one.txt")
        self.found("c.zip", f.zipped([(f"{MOBILE}.txt", "fine")]), "phone")
        self.passes("d.zip", f.zipped([("one.txt", "fine"), ("1391234.txt", "5678")]))

    def test_a_profile_is_said_first(self):
        line = self.numbers("a.txt", f"{MOBILE}\n{f.PROFILE}\n")
        self.assertEqual(line[0], "forbidden_content")
        self.assertIn("STR", line[2])

    def test_long_texts_take_linear_time(self):
        self.passes("a.txt", "7 " * 2000000)
        self.found("b.txt", "7" * 3000000 + " " + "汉" * 1000 + MOBILE, "phone")


class Hostile(Case):
    def test_time_is_linear(self):
        """Inputs made to be read again and again; the probe's time limit is the test."""
        many = b"1 0 obj <" * 300000
        self.cannot("a.pdf", b"%PDF-1.7\n" + many)
        self.cannot("b.pdf", b"%PDF-1.7\n" + b"1 0 obj << /A (" * 200000)
        self.cannot("c.pdf", b"%PDF-1.7\n" + b"".join(b"%d 0 obj << /Type /Page /Parent %d 0 R >> endobj\n" % (i, i) for i in range(300000)))
        self.cannot("d.pdf", b"%PDF-1.7\n" + b"1 0 obj << /Length 9 >> stream\n" * 100000)
        resources = b"<< " + b" ".join(b"/K%d 0" % i for i in range(100000)) + b" /Font << >> >>"
        pages = b"".join(b"%d 0 obj << /Type /Page /Contents 4 0 R /Resources 2 0 R >> endobj\n" % i for i in range(10, 20000))
        self.cannot("e.pdf", b"%PDF-1.7\n2 0 obj " + resources + b" endobj\n4 0 obj " + f.stream(b"x") + b" endobj\n" + pages, "more than")
        shared = b"".join(b"%d 0 obj << /Type /Page /Contents 4 0 R >> endobj\n" % i for i in range(10, 5000))
        self.cannot("f.pdf", b"%PDF-1.7\n4 0 obj " + f.stream(b" " * 1000000) + b" endobj\n" + shared, "more than")
        huge = f.cmap([], [(0, 65535, "<0000>")] * 50000)
        font = f.TYPE0.format("/ToUnicode 7 0 R")
        self.cannot("g.pdf", f.page_pdf(b"BT /F1 9 Tf (x) Tj ET", font, {6: "<< >>", 7: f.stream(huge)}), "more than")
        self.fine("h.xml", "<a b='" + "<" * 1000000)
        self.fine("i.xml", "<!--" * 500000)
        self.fine("j.xml", "<a>" + "&#" * 1000000)
        self.fine("k.txt", "D3S1358 " * 500000)
        self.fine("l.txt", "1-" * 1000000)

    def test_a_loop_of_objects(self):
        self.fine("a.pdf", f.pdf({1: "<< /Type /Page /Contents 1 0 R /Resources 1 0 R /Parent 1 0 R /Font 1 0 R >>"}))
        self.cannot("b.pdf", f.pdf({1: "<< /Type /Page /Contents 2 0 R >>", 2: b"<< /Length 2 0 R /Filter 2 0 R >> stream\nx\nendstream"}))

    def test_a_bomb_in_a_pdf(self):
        content = f.stream(bytes(40 << 20))
        self.cannot("a.pdf", f.page_pdf(content), "unpacks")
        twice = zlib.compress(zlib.compress(bytes(40 << 20)))
        self.cannot("b.pdf", f.page_pdf(f.stream(b"", filters="", coded=twice, extra="/Filter [/FlateDecode /FlateDecode]")), "unpacks")


class Kinds(Case):
    def test_types_by_content(self):
        expected = [
            (f.jpeg(), "image/jpeg", "photo"), (f.png(), "image/png", "photo"), (f.webp(f.riff(b"VP8 ", b"x")), "image/webp", "photo"),
            (f.heic(), "image/heic", "photo"), (b"GIF89a" + bytes(20), "image/gif", "photo"), (b"II*\0" + bytes(20), "image/tiff", "photo"),
            (f.mp4(), "video/mp4", "media"), (b"ID3\x04" + bytes(20), "audio/mpeg", "media"), (b"#!AMR\n" + bytes(9), "audio/amr", "media"),
            (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav", "media"), (b"\xff\xfb\x90\x64" + bytes(400), "audio/mpeg", "media"),
            (f.page_pdf(b""), "application/pdf", "document"), (b"plain", "text/plain", "document"), (b"<?xml version='1.0'?><a/>", "application/xml", "document"),
            (f.zipped([("a", "")]), "application/zip", "document"), (f.docx(""), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document"),
            (f.odt("x"), "application/vnd.oasis.opendocument.text", "document"), (f.ofd("x"), "application/ofd", "document"),
            (bytes(range(256)), "application/octet-stream", "unknown"), (f.abif(), "application/x-abif", "document"),
        ]
        for data, media_type, kind in expected:
            line = self.examine("x.bin", data)
            self.assertEqual((line[3], line[4]), (media_type, kind))


class Photos(Case):
    def strip(self, data, location=False):
        """(verdict, clean bytes or None, removed)."""
        source, target = (os.path.join(self.folder.name, name) for name in ("in", "out"))
        if os.path.exists(target):
            os.remove(target)
        with open(source, "wb") as file:
            file.write(data)
        [line] = probe("strip-location" if location else "strip", source, target)
        if line[0] != "fine":
            return line[0], None, 0
        with open(target, "rb") as file:
            return line[0], file.read(), int(line[3])

    def clean(self, data, location=False):
        verdict, clean, _ = self.strip(data, location)
        self.assertEqual(verdict, "fine")
        self.assertNotIn(b"SECRET", clean)
        again, second, removed = self.strip(clean, location)
        self.assertEqual((again, second, removed), ("fine", clean, 0), "cleaning twice changes nothing")
        return clean

    def exif_of(self, tiff):
        """tag -> raw value bytes of both directories of what we write."""
        def directory(at):
            count = struct.unpack_from(">H", tiff, at)[0]
            return {struct.unpack_from(">H", tiff, at + 2 + 12 * i)[0]: tiff[at + 10 + 12 * i:at + 14 + 12 * i] for i in range(count)}
        first = directory(struct.unpack_from(">I", tiff, 4)[0])
        place = directory(struct.unpack(">I", first[0x8825])[0]) if 0x8825 in first else {}
        return first, place

    def jpeg_exif(self, clean):
        at = clean.find(b"Exif\0\0")
        return None if at < 0 else clean[at + 6:at - 4 + 2 + struct.unpack_from(">H", clean, at - 2)[0]]

    def test_jpeg_keeps_what_shows_the_picture(self):
        jfif = b"JFIF\0\x01\x02\x01\0\x48\0\x48\x01\x01" + b"RGB"
        head = (f.segment(0xe0, jfif) + f.segment(0xe0, b"JFXX\0SECRET") + f.segment(0xe1, b"Exif\0\0" + f.exif())
                + f.segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0SECRET") + f.segment(0xe2, f.ICC) + f.segment(0xe2, b"MPF\0SECRET")
                + f.segment(0xed, b"Photoshop 3.0\0SECRET") + f.segment(0xee, b"Adobe\0\x64\0\0\0\0\0") + f.segment(0xe5, b"SECRET")
                + f.segment(0xfe, b"SECRET"))
        clean = self.clean(f.jpeg(head, tail=b"SECRET" + f.jpeg()))
        self.assertIn(f.ICC, clean)
        self.assertIn(b"Adobe\0", clean)
        self.assertIn(f.SCAN, clean)
        self.assertIn(b"JFIF\0\x01\x02\x01\0\x48\0\x48\0\0", clean)
        first, place = self.exif_of(self.jpeg_exif(clean))
        self.assertEqual(first, {0x112: b"\0\x06\0\0"})
        self.assertEqual(place, {})
        self.assertTrue(clean.endswith(f.SCAN + b"\xff\xd9"))

    def test_location_stays_where_the_kind_asks(self):
        for order in "<>":
            clean = self.clean(f.jpeg(f.segment(0xe1, b"Exif\0\0" + f.exif(order))), location=True)
            tiff = self.jpeg_exif(clean)
            first, place = self.exif_of(tiff)
            self.assertEqual(first[0x112], b"\0\x06\0\0")
            self.assertEqual((place[1], place[3]), (b"N\0\0\0", b"E\0\0\0"))
            at = struct.unpack(">I", place[2])[0]
            self.assertEqual(struct.unpack_from(">6I", tiff, at), (39, 1, 7, 1, 3033, 100))
            at = struct.unpack(">I", place[4])[0]
            self.assertEqual(struct.unpack_from(">6I", tiff, at), (117, 1, 13, 1, 4521, 100))
            self.assertNotIn(struct.pack(">II", 3033, 100), self.clean(clean))

    def test_upright_photos_get_no_exif(self):
        clean = self.clean(f.jpeg(f.segment(0xe1, b"Exif\0\0" + f.exif(orientation=1))))
        self.assertEqual(clean, f.jpeg())
        self.assertEqual(self.clean(f.jpeg()), f.jpeg())

    def test_damaged_exif_is_left_out(self):
        whole = f.exif(">")
        paths = [self.write(f"{i}", f.jpeg(f.segment(0xe1, b"Exif\0\0" + whole[:i]))) for i in range(len(whole))]
        self.assertEqual({line[0] for line in probe("strips", *paths)}, {"fine"})
        for value in (0, 9, 65535):
            self.assertEqual(self.clean(f.jpeg(f.segment(0xe1, b"Exif\0\0" + f.exif(orientation=value, place=False)))), f.jpeg())
        huge = b"MM\0*\xff\xff\xff\xff"
        self.assertEqual(self.clean(f.jpeg(f.segment(0xe1, b"Exif\0\0" + huge))), f.jpeg())

    def test_jpeg_that_is_none(self):
        whole = f.jpeg(f.segment(0xe1, b"Exif\0\0" + f.exif()))
        paths = [self.write(f"{i}", whole[:i]) for i in range(3, len(whole))]
        self.assertEqual({line[0] for line in probe("strips", *paths)}, {"truncated"})
        self.assertEqual(self.strip(b"\xff\xd8\xff\xd9")[0], "bad_form")
        self.assertEqual(self.strip(b"\xff\xd8\xff\xdb\0\x01\xff\xd9")[0], "bad_form")
        self.assertEqual(self.strip(b"\xff\xd8\xffx" + bytes(40))[0], "bad_form")

    def test_png(self):
        before = (f.chunk(b"tEXt", b"Author\0SECRET") + f.chunk(b"iTXt", b"XML:com.adobe.xmp\0SECRET") + f.chunk(b"zTXt", b"SECRET")
                  + f.chunk(b"eXIf", f.exif(">")) + f.chunk(b"tIME", b"SECRET!") + f.chunk(b"gAMA", b"\0\0\xb1\x8f")
                  + f.chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"p")) + f.chunk(b"prVt", b"SECRET"))
        clean = self.clean(f.png(before, f.chunk(b"tEXt", b"k\0SECRET"), b"SECRET behind the end"))
        self.assertIn(b"gAMA", clean)
        self.assertIn(b"iCCP", clean)
        self.assertEqual(self.exif_of(clean[clean.index(b"eXIf") + 4:])[0], {0x112: b"\0\x06\0\0"})
        self.assertEqual(self.clean(f.png()), f.png())
        located = self.clean(f.png(f.chunk(b"eXIf", f.exif("<"))), location=True)
        self.assertEqual(self.exif_of(located[located.index(b"eXIf") + 4:])[1][1], b"N\0\0\0")

    def test_png_that_is_none(self):
        whole = f.png(f.chunk(b"tEXt", b"k\0v"))
        paths = [self.write(f"t{i}", whole[:i]) for i in range(8, len(whole))]
        self.assertEqual({line[0] for line in probe("strips", *paths)}, {"truncated"})
        paths = [self.write(f"f{i}", whole[:i] + bytes([whole[i] ^ 0x20]) + whole[i + 1:]) for i in range(8, len(whole))]
        self.assertEqual({line[0] for line in probe("strips", *paths)}, {"truncated", "bad_form"})
        self.assertEqual(self.strip(f.png(f.chunk(b"XXXX", b"")))[0], "bad_form")
        self.assertEqual(self.strip(b"\x89PNG\r\n\x1a\n" + f.chunk(b"IEND"))[0], "bad_form")

    def test_webp(self):
        picture = f.riff(b"VP8 ", b"picture")
        self.assertEqual(self.clean(f.webp(picture, b"SECRET")), f.webp(picture))
        full = f.vp8x(0x2c) + f.riff(b"ICCP", b"icc") + picture + f.riff(b"EXIF", f.exif()) + f.riff(b"XMP ", b"SECRET") + f.riff(b"PRIV", b"SECRET")
        clean = self.clean(f.webp(full))
        self.assertEqual(clean[20], 0x28)
        self.assertIn(b"ICCP", clean)
        self.assertEqual(self.exif_of(clean[clean.index(b"EXIF") + 8:])[0], {0x112: b"\0\x06\0\0"})
        headed = f.vp8x(0x0c) + picture + f.riff(b"EXIF", b"Exif\0\0" + f.exif(orientation=1)) + f.riff(b"XMP ", b"SECRET")
        self.assertEqual(self.clean(f.webp(headed)), f.webp(f.vp8x(0) + picture))
        frame = f.riff(b"ANMF", bytes(16) + picture + f.riff(b"EXIF", b"SECRET"))
        clean = self.clean(f.webp(f.vp8x(2) + f.riff(b"ANIM", bytes(6)) + frame))
        self.assertEqual(clean, f.webp(f.vp8x(2) + f.riff(b"ANIM", bytes(6)) + f.riff(b"ANMF", bytes(16) + picture)))

    def test_webp_that_is_none(self):
        whole = f.webp(f.vp8x(8) + f.riff(b"VP8 ", b"picture!") + f.riff(b"EXIF", f.exif()))
        paths = [self.write(f"{i}", whole[:i]) for i in range(12, len(whole))]
        self.assertEqual({line[0] for line in probe("strips", *paths)}, {"truncated"})
        self.assertEqual(self.strip(f.webp(f.vp8x(0)))[0], "bad_form")
        self.assertEqual(self.strip(f.webp(f.riff(b"VP8X", b"x") + f.riff(b"VP8 ", b"x")))[0], "bad_form")
        self.assertEqual(self.strip(f.webp(f.riff(b"VP8 ", b"x") + b"ab"))[0], "bad_form")

    def test_others_are_kept_out(self):
        for data in (f.heic(), b"II*\0" + bytes(30), b"GIF89a" + bytes(30)):
            self.assertEqual(self.strip(data)[0], "content_unexaminable")
        self.assertEqual(self.strip(b"no picture")[0], "bad_form")


if __name__ == "__main__":
    PROBE = sys.argv.pop(1)
    unittest.main()
