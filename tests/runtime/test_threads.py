from __future__ import annotations

import threading

from sos_actors.runtime.threads import dump_threads, name_thread


def test_a_dump_names_every_thread_and_shows_where_it_is() -> None:
    entered, release = threading.Event(), threading.Event()

    def wait_here() -> None:
        name_thread("a patient one")
        entered.set()
        release.wait(5.0)

    thread = threading.Thread(target=wait_here, daemon=True)
    thread.start()
    assert entered.wait(5.0)
    dump = dump_threads()
    release.set()
    thread.join()
    assert "a patient one (daemon):" in dump
    assert "MainThread:" in dump
    assert dump.index("wait_here") < dump.index("in wait\n", dump.index("wait_here"))
