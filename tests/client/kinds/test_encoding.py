"""The encoding of a page is the one that browsers choose."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmlight_client.kinds._encoding import encoding_name, page_text
from tests.client.kinds import steady

GRUSS = "<title>Grüße</title>"


@pytest.mark.parametrize(
    ("body", "charset", "encoding"),
    [
        (GRUSS.encode(), None, "utf-8"),
        (codecs.BOM_UTF8 + GRUSS.encode(), "windows-1252", "utf-8"),
        (codecs.BOM_UTF16_LE + GRUSS.encode("utf-16-le"), "utf-8", "utf-16le"),
        (codecs.BOM_UTF16_BE + GRUSS.encode("utf-16-be"), "latin1", "utf-16be"),
        (b"<meta charset=utf-16>" + GRUSS.encode(), None, "utf-8"),
        (b"<meta charset=UTF-16BE>" + GRUSS.encode(), None, "utf-8"),
        (b"<meta charset=x-user-defined>" + GRUSS.encode("cp1252"), None, "windows-1252"),
        (GRUSS.encode("cp1252"), " ISO-8859-1 ", "windows-1252"),
        (GRUSS.encode("cp1252"), "us-ascii", "windows-1252"),
        (GRUSS.encode("cp1252"), None, "windows-1252"),
        (b"<META CharSet = 'latin1' >" + GRUSS.encode("cp1252"), "no such", "windows-1252"),
        (b"<!-- <meta charset=utf-8> --><meta charset=cp1252>" + GRUSS.encode("cp1252"), None, "windows-1252"),
        (b"<meta name=x content='charset=koi8-r'>" + GRUSS.encode(), None, "utf-8"),
        (b"<meta charset=bogus><meta charset=l1>" + GRUSS.encode("cp1252"), None, "windows-1252"),
        (b"<meta content=\"a; charset='l1'\" http-equiv=CONTENT-TYPE>" + GRUSS.encode("cp1252"), None, "windows-1252"),
        (b"<?xml version='1.0' encoding='latin1'?>" + GRUSS.encode("cp1252"), None, "windows-1252"),
        (b"<!--" + b"x" * 3000 + b"--><meta charset=l1>" + GRUSS.encode("cp1252"), None, "windows-1252"),
        (GRUSS.encode(), "utf-7", "utf-8"),
        (GRUSS.encode(), "punycode", "utf-8"),
        (GRUSS.encode(), "rot13\x00", "utf-8"),
    ],
)  # fmt: skip
def test_the_encoding_is_found(body, charset, encoding):
    text, found = page_text(body, charset)
    assert found == encoding
    assert GRUSS in text


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("x-sjis", "shift_jis"), ("Windows-31J", "shift_jis"), ("ks_c_5601-1987", "euc-kr"),
        ("gb2312", "gbk"),
        ("unicode-1-1-utf-8", "utf-8"), ("x-cp1251", "windows-1251"), ("dos-874", "windows-874"),
        ("\tutf8\n", "utf-8"),
        ("utf-16", "utf-16le"), ("hz-gb-2312", "replacement"), ("", None), (None, None),
        ("ütf-8", None), ("utf_8", None),
        ("base64", None), ("idna", None), ("unicode_escape", None), ("\x00", None),
        ("x" * 100_000, None),
    ],
)  # fmt: skip
def test_labels_mean_what_they_mean_on_the_web(label, name):
    assert encoding_name(label) == name


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("shift_jis", "日本①"),
        ("euc-kr", "한국뷁"),
        ("gbk", "中国镕"),
        ("big5", "台灣"),
        ("koi8-u", "Київ"),
        ("iso-2022-jp", "日本"),
    ],
)
def test_pages_of_the_world_are_read(encoding, text):
    codec = {"shift_jis": "cp932", "euc-kr": "cp949", "iso-2022-jp": "iso2022_jp"}.get(
        encoding, encoding
    )
    assert page_text(text.encode(codec), encoding) == (text, encoding)


def test_a_broken_letter_does_not_make_a_utf_8_page_another():
    assert page_text("Grüße aus Köln für Jürgen".encode() + b"\xe4", None).encoding == "utf-8"


@steady
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [None, "utf-8", "gbk", "iso-2022-jp", "x-user-defined", "hz-gb-2312", "utf-16"]
    ),
)
def test_no_bytes_raise(body, charset):
    text, encoding = page_text(body, charset)
    assert encoding_name(encoding) == encoding
    text.encode("utf-8", "replace")
