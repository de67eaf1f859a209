"""Pages and static files go out compressed; answers of the API do not."""

from __future__ import annotations

import gzip
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import FileSystemStorage
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from whitenoise.middleware import WhiteNoiseMiddleware

from firmlight.static import HashedStaticFiles

GZIP = {"Accept-Encoding": "gzip, br"}
FNAME = 0b1000  # of a gzip header: a name follows, here a random one (RFC 1952, 2.3.1)


def test_a_page_goes_out_compressed_and_padded_by_a_random_length(db, browser):
    plain = browser().get("/about/")
    packed = browser().get("/about/", headers=GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.content) == plain.content
    assert packed.content[3] & FNAME
    assert len({len(browser().get("/about/", headers=GZIP).content) for _ in range(10)}) > 1


@pytest.mark.parametrize("address", ["/api/kinds/", "/api/schema/?format=json"])
def test_answers_of_the_api_go_out_as_they_are(alice, browser, address):
    answer = browser(alice).get(address, headers=GZIP | {"Accept": "application/json"})
    assert answer.status_code == 200
    assert len(answer.content) > 200
    assert "Content-Encoding" not in answer.headers


@pytest.fixture
def laid_out(tmp_path: Path):
    """The static files of ours as `python -m firmlight prepare files` lays them out."""
    sources = FileSystemStorage(location=Path(settings.BASE_DIR) / "static")
    names = [
        path.relative_to(sources.location).as_posix()
        for folder in ("firmlight", "vendor")
        for path in (Path(sources.location) / folder).rglob("*")
        if path.is_file()
    ]
    with override_settings(STATIC_ROOT=tmp_path, DEBUG=False, WHITENOISE_USE_FINDERS=False):
        storage = HashedStaticFiles(location=tmp_path)
        for name in names:
            with sources.open(name) as source:
                storage.save(name, source)
        for _, _, outcome in storage.post_process({name: (sources, name) for name in names}):
            assert not isinstance(outcome, Exception), outcome
        yield storage


def test_static_files_are_compressed_when_they_are_laid_out(db, laid_out):
    serve = WhiteNoiseMiddleware(lambda _: HttpResponse(status=404))
    for name in ("firmlight/base.css", "firmlight/parts.js"):
        address = f"/static/{laid_out.stored_name(name)}"
        with closing(serve(RequestFactory().get(address, headers=GZIP))) as answer:
            assert answer.headers["Content-Encoding"] in ("gzip", "br"), address
            assert "Accept-Encoding" in answer.headers["Vary"]


def test_our_scripts_import_each_other_and_those_of_others_by_hashed_names(laid_out):
    script = (Path(laid_out.location) / laid_out.stored_name("firmlight/parts.js")).read_text()
    vendored = laid_out.stored_name("vendor/idiomorph/idiomorph-0.8.0.esm.js")
    assert f'from "../{vendored}"' in script
