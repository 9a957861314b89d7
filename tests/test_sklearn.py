"""The classifier among its kind: cloned, pickled, put into pipelines, searched over, checked by scikit-learn's own checks."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from jinyu import ModelError
from jinyu import sklearn as ours
from jinyu.sklearn import UtteranceClassifier

PRICE = ["能再便宜点吗", "给我打个折", "价格太贵了", "有没有优惠价", "这个多少钱", "便宜一点吧", "价钱能少些吗", "打几折"]
SEND = ["什么时候发货", "今天能寄出吗", "几天送到", "快递到哪了", "寄顺丰吗", "发货快不快", "什么时候送货", "快递寄出没"]
X, Y = PRICE + SEND, ["price"] * 8 + ["send"] * 8


@pytest.fixture
def classifier(tiny_run):
    return UtteranceClassifier(str(tiny_run), threads=1, C=100.0)


def test_learns_labels_of_one_s_own(classifier):
    assert classifier.fit(X, Y) is classifier
    assert classifier.classes_.tolist() == ["price", "send"]
    assert classifier.score(X, Y) == 1.0
    p = classifier.predict_proba(["便宜点"])
    assert p.shape == (1, 2)
    assert p.sum() == pytest.approx(1)
    assert classifier.predict(["便宜点"]) == classifier.classes_[p.argmax()]
    other = classifier.fit(X, [1] * 8 + [0] * 8)  # labels need not be words
    assert other.predict(X).tolist() == [1] * 8 + [0] * 8


def test_clone_pickle_and_parameters(classifier, tiny_run):
    fitted = clone(classifier).fit(X, Y)
    assert not hasattr(classifier, "head_")
    assert fitted.get_params() == {"model": str(tiny_run), "threads": 1, "C": 100.0, "class_weight": None, "max_iter": 1000}
    held = pickle.dumps(fitted)
    assert len(held) < 20_000  # the encoder is not in it
    np.testing.assert_array_equal(pickle.loads(held).predict_proba(X), fitted.predict_proba(X))


def test_works_in_pipelines_and_searches(classifier):
    pipeline = make_pipeline(FunctionTransformer(lambda texts: [t.strip() for t in texts]), classifier)
    scores = cross_val_score(pipeline, [f" {t} " for t in X], Y, cv=2)
    assert scores.shape == (2,)
    assert np.isfinite(scores).all()
    search = GridSearchCV(classifier, {"C": [1e-6, 100.0]}, cv=2).fit(np.array(X), Y)
    assert set(search.best_params_) == {"C"}
    assert search.predict(np.array(X, dtype=object)).tolist() == search.best_estimator_.predict(X).tolist()


def test_a_text_is_read_once_however_many_folds(classifier, monkeypatch):
    ours._encoder.cache_clear()
    read = []
    encoder = ours._encoder(classifier.model, 1)
    embed = encoder.scorer.embed
    monkeypatch.setattr(encoder.scorer, "embed", lambda texts: embed(read.append(list(texts)) or read[-1]))
    cross_val_score(classifier, X, Y, cv=2)
    assert sorted(t for part in read for t in part) == sorted(X)
    monkeypatch.setattr(ours, "REMEMBERED", 3)
    classifier.fit(X, Y).predict(["又一句", *X])
    assert len(encoder.known) == 3


def test_what_cannot_be_read_is_named(classifier):
    for bad, error, message in [
        ("您好", ValueError, "single string"),
        (["您好", None], TypeError, "utterance 1 is NoneType"),
        ([], ValueError, "no utterances"),
        (np.array([["您好"]]), ValueError, r"shape \(1, 1\)"),
    ]:
        with pytest.raises(error, match=message):
            classifier.fit(bad, ["a"])
    with pytest.raises(ValueError, match="one label for each of the 16"):
        classifier.fit(X, Y[:-1])
    with pytest.raises(ValueError, match="one class only"):
        classifier.fit(X, ["a"] * 16)
    with pytest.raises(NotFittedError):
        classifier.predict(X)
    with pytest.raises(ModelError):
        UtteranceClassifier("no/such/model/here").fit(X, Y)


CHECKS = [  # of scikit-learn's, those that do not feed the estimator numbers
    "check_estimator_cloneable", "check_estimator_tags_renamed", "check_valid_tag_types", "check_estimator_repr",
    "check_no_attributes_set_in_init", "check_mixin_order", "check_do_not_raise_errors_in_init_or_set_params",
    "check_parameters_default_constructible", "check_get_params_invariance", "check_set_params", "check_estimator_sparse_tag",
]  # fmt: skip


@pytest.mark.parametrize("name", CHECKS)
def test_scikit_learn_s_own_checks(classifier, name):
    check = getattr(estimator_checks, name)
    check("UtteranceClassifier", classifier)


def test_scikit_learn_s_tags(classifier):
    tags = classifier.__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.target_tags.required
    assert (tags.input_tags.string, tags.input_tags.one_d_array, tags.input_tags.two_d_array) == (True, True, False)


def test_without_scikit_learn_the_extra_is_named():
    code = "import sys; sys.modules['sklearn'] = None; import jinyu.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'jinyu[sklearn]'" in done.stderr
