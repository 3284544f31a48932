"""Texts in many languages: told apart, reduced to stems, and found again by words."""

import contextlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from holdfast import open_store, recall
from holdfast.analysis import (
    Bm25,
    count,
    marked,
    marks,
    question_tokens,
    question_words,
    spoken,
    tokens,
)
from holdfast.history import ChangeSet, Said, Write
from holdfast.language import language_of, languages, small_words, stem, without_accents
from holdfast.memory import Message
from holdfast.ranking import PEOPLE, Asked, Corpus, Document, rank

NS = ("m",)

ENGLISH = {
    "What did Nora say about the ferry?": "what did nora say about the ferri",
    "Nora's runner isn't running; she RUNS": "nora runner isn run she run",
    "e-mail a.b@c.example, 3,750 files": "e mail a.b c.example 3,750 file",
    "naïve cafés in São Paulo": "naiv cafe in sao paulo",
    "Old men die in war, my car has den and hat": "old men die in war my car has den and hat",
    "A trip to Oscar de la Hoya": "a trip to oscar de la hoya",
    "El Paso": "el paso",
    "Straße": "strass",
    "l'été was great": "l was great",
    "the word 東京都 and кошки": "the word 東京 京都 and кошки",
    "Don’t go": "don t go",
    "SELECT v, k, n, c, d FROM w WHERE z": "select v k n c d from w where z",
    "": "",
    "🥜 42 x_y": "42 x_y",
}
"""English texts, or such as may be, with the tokens that they have always had."""

TEXTS = {
    "german": "Die Katzen meiner Schwester schlafen nicht in den alten Häusern",
    "french": "Les chevaux de ma sœur n'étaient pas dans l'écurie où j'ai mangé",
    "spanish": "Mi hermana cantaba unas canciones muy bonitas cuando éramos niños",
    "italian": "Mia sorella non ha mangiato nell'albergo perché era troppo stanca",
    "portuguese": "A Inês não gosta das canções que você cantou ontem à noite",
    "dutch": "Mijn zus heeft twee katten en woont niet meer bij ons in huis",
    "swedish": "Min syster har två katter och bor inte hos oss längre",
    "danish": "Jeg bor ikke hos min søster, fordi hun har mange katte",
    "norwegian": "Jeg liker ikke kattene hennes, men hun vil ikke høre noe om det",
    "finnish": "Minun siskoni ei asu täällä, koska hän muutti Helsinkiin",
    "turkish": "Kız kardeşim için çok güzel bir kedi aldım ama onu sevmedi",
    "polish": "Moja siostra nie lubi kotów, ale ma dwa psy w domu",
    "czech": "Moje sestra nemá ráda kočky, protože se jich bojí už od dětství",
    "romanian": "Sora mea nu are pisici, dar este foarte fericită cu câinii ei",
    "hungarian": "A nővérem nem szereti a macskákat, mert fél tőlük és azt mondja",
    "catalan": "La meva germana no viu amb nosaltres perquè és molt lluny",
    "indonesian": "Saya tidak suka kucing karena mereka sering membangunkan kami",
    "russian": "Моя сестра купила кошку и живёт в старом доме",
    "ukrainian": "Моя сестра купила двох кішок і живе у старому будинку",
    "bulgarian": "Сестра ми си купи две котки и ще живее в стара къща",
    "greek": "Η αδερφή μου δεν έχει γάτες αλλά αγαπάει πολύ τους σκύλους",
    "arabic": "أختي تحب القطط الصغيرة ولكنها تخاف من الكلاب",
    "persian": "خواهرم گربه ها را دوست دارد اما از سگ می ترسد",
    "hindi": "मेरी बहन को बिल्लियाँ बहुत पसंद हैं लेकिन कुत्ते नहीं",
}
OTHERS = {
    "tamil": "என் சகோதரிக்கு பூனைகள் பிடிக்கும்",
    "armenian": "Իմ քույրը սիրում է կատուներին",
}
UNTOLD = (
    "妹は猫が大好きで、古い家に住んでいます",
    "我姐姐有两只猫,住在老房子里",
    "언니는 고양이를 좋아해서 두 마리를 키웁니다",
    "น้องสาวของฉันชอบแมวมาก",
    "אחותי אוהבת חתולים וגרה בבית ישן",
    "Nora",
    "Ines wohnt in Lissabon",
)
"""In scripts whose words have no stems here, or too short to be told."""


@pytest.fixture(params=["sqlite", "postgres"])
def store(request):
    if request.param == "postgres":
        yield request.getfixturevalue("open_postgres")()
        return
    with open_store(":memory:") as opened:
        yield opened


@pytest.fixture(scope="module")
def memory():
    """One store on SQLite, with all texts in one namespace."""
    with open_store(":memory:") as opened:
        texts = (*TEXTS.values(), *OTHERS.values(), *UNTOLD, *filter(None, ENGLISH))
        writes = [Write(f"{n}", {"content": text}) for n, text in enumerate(texts)]
        opened.commit(ChangeSet(NS, tuple(writes)))
        yield opened


def put(store, *texts, namespace=NS):
    writes = [Write(f"{n}", {"content": text}) for n, text in enumerate(texts)]
    store.commit(ChangeSet(namespace, tuple(writes)))


def recalled(store, question, namespace=NS):
    return [one.text for one in recall(question, namespace, store=store, k=50)]


def searched(store, question, namespace=NS):
    found = store.search(namespace, query=question, limit=50)
    return [one.value["content"] for one in found]


# Telling languages apart


@pytest.mark.parametrize(("language", "text"), [*TEXTS.items(), *OTHERS.items()])
def test_the_language_of_a_text_is_told(language, text):
    assert marked(tokens(text)) == language
    assert marked(tokens(without_accents(text))) == language


@pytest.mark.parametrize("text", [*ENGLISH, *UNTOLD])
def test_what_is_not_clear_counts_as_english(text):
    assert marked(tokens(text)) == "english"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("das und the of", "english"),
        ("das und nicht the of", "german"),
        ("el gato duerme en la casa", "spanish"),
        ("spasibo спасибо", "russian"),
        ("she said спасибо", "english"),
        ("спасибо і дякую їй", "ukrainian"),
        ("әке мен қыз", "english"),
        ("یہ گھر ہے", "english"),
    ],
)
def test_english_wins_where_there_is_doubt(text, language):
    assert language_of(set(text.split())) == language


def test_one_word_is_enough_among_languages_that_are_spoken():
    words = {"wohnt", "ines", "nicht"}
    assert language_of(words) == "english"
    assert language_of(words, {"german"}) == "german"
    assert language_of(words, {"french"}) == "english"


def test_each_language_has_words_of_its_own():
    for name in languages():
        assert name in OTHERS or len(small_words(name)) > 50, name
    assert set(languages()) == {*TEXTS, *OTHERS}


# Tokens


@pytest.mark.parametrize(("text", "expected"), ENGLISH.items())
def test_english_texts_have_the_tokens_that_they_always_had(text, expected):
    assert tokens(text) == tokens(text, "english") == expected.split()


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("german", "haus", "häuser"),
        ("german", "wohne", "wohnen"),
        ("french", "mange", "mangé"),
        ("spanish", "canción", "canciones"),
        ("portuguese", "menina", "meninas"),
        ("italian", "ragazza", "ragazze"),
        ("turkish", "kedi", "kediler"),
        ("russian", "кошка", "кошки"),
        ("greek", "γάτα", "γάτες"),
        ("arabic", "كتاب", "الكتاب"),
        ("hindi", "लड़का", "लड़के"),
    ],
)
def test_forms_of_a_word_have_one_stem(language, one, other):
    assert stem(one, language) == stem(other, language)


def test_what_is_no_word_of_the_language_stays_as_it_is():
    assert stem("a1.s", "german") == "a1.s"
    assert stem("ё" * 50, "russian") == "ё" * 50
    assert stem("running", "russian") == "run"
    assert stem("東京", "german") == stem("東京", "russian") == "東京"
    assert stem("кішок", "ukrainian") == "кішок"


def test_short_words_that_are_written_as_one_with_the_next_are_left_out():
    found = tokens("L'ami qu'il a n'est pas d'ici, aujourd'hui")
    assert found[:5] == ["_french", "ami", "il", "a", "est"]
    assert "aujourd" in found


def test_vowel_signs_are_part_of_a_word_or_left_out_where_most_do():
    assert tokens("हिन्दी") == ["_hindi", stem("हिन्दी", "hindi")]
    assert tokens("كِتَابٌ") == tokens("كتاب")
    assert tokens("น้องสาว")[:2] == ["น้", "้อ"]


def test_no_word_of_a_text_is_the_mark_of_a_language():
    assert not {*tokens(" ".join(marks()), "english")} & {*marks()}


def test_threads_do_not_disturb_each_other():
    words = [f"{letter}unningly" for letter in "bcdfghjklmnpqrstvwxz"]
    expected = [stem.__wrapped__(word) for word in words]
    wrong = []

    def work():
        for _ in range(50):
            found = [stem.__wrapped__(word) for word in words]
            wrong.extend(found if found != expected else ())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Questions


def test_a_question_to_english_texts_is_what_it_was():
    assert question_words("Wo wohnen Noras Katzen?") == [
        ("wo",),
        ("wohnen",),
        ("nora",),
        ("katzen",),
    ]
    for text in filter(None, ENGLISH):
        assert [word[0] for word in question_words(text)] == question_tokens(text)


def test_words_that_share_a_token_are_one():
    words = question_words("Katze, Katzen und Kätzchen", {"german"})
    assert len(words) == 2
    assert {"katz", "katze", "katzen"} <= {*words[0]}


def test_small_words_of_its_language_are_left_out_of_a_question_but_never_all():
    assert question_tokens("Hat sie nicht über die Fähre gesprochen?") == ["fahr", "gesprochen"]
    assert question_tokens("Was ist das nicht?") == ["was", "ist", "das", "nicht"]


def test_a_word_counts_once_however_many_of_its_forms_a_text_holds():
    texts = [["katz", "katzen"], ["katz", "katz"], ["hund", "hund"]]
    word = ("katzen", "katz")
    counts = count([word], texts)
    assert counts.holding == {word: 2}
    score = Bm25([word], counts).score
    assert score(texts[0]) == score(texts[1]) > score(texts[2]) == 0
    made = Corpus()
    made.change((), [Document(n, "memory", text) for n, text in enumerate(texts)])
    rows, often = made.postings(word)
    assert (rows.tolist(), often.tolist()) == ([0, 1], [2, 2])


def test_a_corpus_knows_its_languages_and_forgets_them():
    made = Corpus()
    texts = [TEXTS["german"], TEXTS["russian"], "I like tea", "They drink tea"]
    made.change((), [Document(n, "memory", tokens(text)) for n, text in enumerate(texts)])
    assert made.languages == {"german", "russian"} == spoken(map(tokens, texts))
    made.change([0], ())
    assert made.languages == {"russian"}
    made.change([1], ())
    assert made.languages == frozenset()
    assert rank([(made, PEOPLE)], Asked("Katzen"), 3) == []


# Found again


FOUND = [
    ("german", "Hat die Schwester eine Katze?"),
    ("german", "altes Haus"),
    ("french", "Où est le cheval ?"),
    ("french", "manger dans une écurie"),
    ("spanish", "¿Qué canción cantaban?"),
    ("portuguese", "Ines cantava"),
    ("italian", "alberghi"),
    ("russian", "Где живут кошки?"),
    ("greek", "γάτα"),
    ("arabic", "هل تحب قطط؟"),
    ("hindi", "बिल्ली"),
    ("turkish", "kediler"),
]


@pytest.mark.parametrize(("language", "question"), FOUND)
def test_other_forms_of_a_word_are_found(memory, language, question):
    assert TEXTS[language] in recalled(memory, question)[:2]
    assert TEXTS[language] in searched(memory, question)[:2]


def test_both_stores_find_other_forms_of_a_word(store):
    put(store, *TEXTS.values(), *UNTOLD)
    for language, question in FOUND:
        assert TEXTS[language] in recalled(store, question)[:2], question
        assert TEXTS[language] in searched(store, question)[:2], question
    assert recalled(store, "猫が好き")[0] == UNTOLD[0]
    assert searched(store, "猫が好き")[0] == UNTOLD[0]


def test_spaces_of_other_languages_move_no_score(store):
    put(store, "The nine cats of Nora", "A harbour", namespace=("en", "a"))
    before = searched(store, "Nora's harbours", ("en",)), recalled(store, "harbours", ("en",))
    scores = [one.score for one in store.search(("en",), query="Nora's harbours")]
    put(store, *TEXTS.values(), namespace=("all",))
    assert (searched(store, "Nora's harbours", ("en",)), recalled(store, "harbours", ("en",))) == (
        before
    )
    assert [one.score for one in store.search(("en",), query="Nora's harbours")] == scores


def test_many_spaces_are_searched_in_all_their_languages(store):
    for number in range(40):
        put(store, f"Nummer {number} ist nicht hier", namespace=("n", f"{number}"))
    put(store, TEXTS["german"], namespace=("n", "x"))
    assert searched(store, "Katze", ("n",)) == [TEXTS["german"]]


def test_a_talk_in_two_languages(store):
    said = (
        Message("user", "Ich habe gestern zwei Katzen gekauft", "Nora"),
        Message("user", "Where do your cats sleep?", "Ines"),
        Message("user", "Die schlafen bei mir auf dem Sofa", "Nora"),
    )
    store.commit(ChangeSet(NS, journal=(Said(said, "monday"),)))
    assert recalled(store, "Wer hat eine Katze?")[0] == said[0].text
    assert recalled(store, "cat")[0] == said[1].text
    assert recalled(store, "Wo schläft Nora?")[0] == said[2].text


def test_a_store_that_ranks_no_words_is_ranked_in_all_languages_too():
    plain = InMemoryStore()
    for language, text in TEXTS.items():
        plain.put(NS, language, {"content": text})
    assert recalled(plain, "Hat die Schwester eine Katze?")[0] == TEXTS["german"]


def test_the_doctor_takes_words_of_an_older_rule_for_what_they_are(tmp_path):
    import sqlite3

    path = tmp_path / "old.db"
    with open_store(path) as store:
        put(store, TEXTS["german"])
        assert store.doctor() == []
    old = " ".join(tokens(TEXTS["german"], "english"))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE words SET tokens = ?", (old,))
        db.execute("UPDATE documents SET length = ?", (len(old.split()),))
    with open_store(path) as store:
        assert store.doctor() == []
        assert searched(store, "Katzen") == [TEXTS["german"]]


sentences = st.sampled_from([*TEXTS.values(), *OTHERS.values(), *UNTOLD])


@given(sentences, st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=60, deadline=None)
def test_words_of_a_text_find_it_in_any_language(memory, text, random, accents):
    asked = random.sample(text.split(), min(2, len(text.split())))
    question = " ".join(asked)
    if not accents and text in (TEXTS["german"], TEXTS["spanish"], TEXTS["dutch"]):
        question = without_accents(question)
    assert text in recalled(memory, question)
    assert text in searched(memory, question)


@given(st.lists(sentences, min_size=1, max_size=4))
@settings(deadline=None)
def test_every_word_of_a_text_stands_for_a_token_of_it(texts):
    documents = [tokens(text) for text in texts]
    for text, document in zip(texts, documents, strict=True):
        for word in text.split():
            for asked in question_words(word, spoken(documents)):
                assert not {*asked}.isdisjoint(document), (word, asked)
