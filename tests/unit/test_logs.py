"""The log: every line, progress, and the error that ends a job stand in the job's own file."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow/scripts"


def run(code, path):
    """Run lines after `start_log(path)` in a process of its own, as a job does."""
    begin = f"from culture_neurons.logs import *\nstart_log({str(path)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", begin + code],
        env={"PYTHONPATH": str(SCRIPTS), "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_lines_go_to_the_terminal_and_to_the_file_whatever_the_locale(tmp_path):
    path = tmp_path / "rule" / "job.log"
    done = run("logger.info('culture %s', 'Bahasa')\nlogger.info('K\\xed\\u2019che')", path)
    assert done.returncode == 0
    assert "culture Bahasa" in done.stderr
    assert "Logging error" not in done.stderr
    assert path.read_text(encoding="utf-8").splitlines()[1].endswith("Kí’che")


def test_the_error_that_ends_a_job_is_in_the_file_with_one_line_on_top(tmp_path):
    done = run("raise ValueError('17 is not 18')", tmp_path / "job.log")
    lines = (tmp_path / "job.log").read_text().splitlines()
    assert done.returncode == 1
    assert lines[0].endswith("ValueError: 17 is not 18")
    assert any("Traceback" in line for line in lines)


def test_of_an_own_error_the_terminal_gets_one_line(tmp_path):
    code = "from culture_neurons.storage.facts import TableError\nraise TableError('do this')"
    done = run(code, tmp_path / "job.log")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.endswith("TableError: do this")
    assert "Traceback" in (tmp_path / "job.log").read_text()
    foreign = run("raise ValueError('x')", tmp_path / "job.log")
    assert "Traceback" in foreign.stderr


def test_a_new_log_replaces_the_old_one(tmp_path):
    path = tmp_path / "job.log"
    path.write_text("old\n")
    run("logger.info('new')", path)
    assert "old" not in path.read_text()


def test_progress_is_lines_and_the_last_one_says_done(tmp_path):
    code = "with progress(3, 'cells', 'activations') as bar:\n    [bar.update(1) for _ in range(3)]"
    run(code, tmp_path / "job.log")
    lines = (tmp_path / "job.log").read_text().splitlines()
    assert "activations" in lines[-1]
    assert "3/3" in lines[-1]
    assert not any("\r" in line for line in lines)


def test_lines_of_download_libraries_are_left_out(tmp_path):
    code = "logging.getLogger('httpx').info('GET https://x/?token=secret')\nlogger.info('end')"
    done = run(code, tmp_path / "job.log")
    assert "secret" not in done.stderr + (tmp_path / "job.log").read_text()
    assert "end" in done.stderr
