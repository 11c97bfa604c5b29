"""Commands on the corpora."""


def test_data_status_names_every_corpus_and_download_wants_a_name(call):
    status, out, _ = call("data", "status")
    assert status == 0 and all(name in out for name in ("fsdd", "aev", "audiomnist", "voices"))
    assert call("data", "download")[0] == 2
    status, _, err = call("data", "download", "fsd")
    assert status == 2 and "Did you mean 'fsdd'" in err
