"""Citations from format to format."""

from typing import Any

import pytest

from assay.dialects.citations import is_of_responses, to_anthropic, to_chat, to_responses

CHAT = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "X", "start_index": 0, "end_index": 4}}
FLAT = {"type": "url_citation", "url": "https://x", "title": "X", "start_index": 0, "end_index": 4}
FOUND = {"type": "web_search_result_location", "url": "https://x", "title": "X", "cited_text": "c",
         "encrypted_index": "E"}  # fmt: skip
OTHERS: list[dict[str, Any]] = [
    {"type": "file_citation", "file_id": "f", "filename": "a.txt", "index": 3},
    {"type": "container_file_citation", "container_id": "c", "file_id": "f", "start_index": 0, "end_index": 1},
    {"type": "file_path", "file_id": "f", "index": 0},
    {"type": "char_location", "cited_text": "c", "document_index": 0, "start_char_index": 0, "end_char_index": 1},
    {"type": "page_location", "cited_text": "c", "document_index": 0, "start_page_number": 1, "end_page_number": 2},
    {"type": "content_block_location", "cited_text": "c", "start_block_index": 0, "end_block_index": 1},
    {"type": "search_result_location", "cited_text": "c", "source": "https://x", "search_result_index": 0},
    {"type": "of_tomorrow", "url": "https://x"},
    {"no": "type"},
]


@pytest.mark.parametrize("kind", [["url_citation"], {"a": 1}, 7, None])
def test_a_type_that_is_no_word_is_not_known(kind: object) -> None:
    """What a client made up as a type is no note of the format, and no mistake of ours."""
    assert not is_of_responses({"type": kind})


def test_a_page_between_openais_formats_is_exact() -> None:
    """The same fields, nested or flat."""
    assert to_responses(CHAT) == FLAT
    assert to_chat(FLAT) == CHAT
    assert (to_chat(CHAT), to_responses(FLAT)) == (CHAT, FLAT)


def test_a_page_that_anthropic_found_comes_back_as_it_was() -> None:
    """What the other formats have no field for stays under its name; the cited text is OpenRouter's `content`."""
    chat = to_chat(FOUND)
    assert chat["url_citation"] == {"url": "https://x", "title": "X", "content": "c", "encrypted_index": "E"}
    assert to_anthropic(chat) == to_anthropic(to_responses(FOUND)) == to_anthropic(FOUND) == FOUND


def test_a_page_of_others_has_what_anthropics_clients_demand() -> None:
    """Fields that must be there are empty, and none is invented."""
    assert to_anthropic(CHAT) == {
        "type": "web_search_result_location", "cited_text": "", "encrypted_index": "", "url": "https://x",
        "title": "X", "start_index": 0, "end_index": 4,
    }  # fmt: skip
    assert to_anthropic({"type": "url_citation", "url": "https://x"})["title"] is None


@pytest.mark.parametrize("note", OTHERS)
def test_what_has_no_counterpart_stays_as_it_is(note: dict[str, Any]) -> None:
    """Files and documents that only their own format knows are not told as something else."""
    assert to_chat(note) == to_responses(note) == to_anthropic(note) == note
