"""What a server has loaded stays out of its collections."""

import subprocess
import sys


def test_a_server_collects_seldom_and_keeps_what_is_loaded() -> None:
    script = (
        "import gc\n"
        "from gateway.garbage_collection import THRESHOLDS, collect_seldom, keep_what_is_loaded\n"
        "collect_seldom()\n"
        "assert gc.get_threshold() == THRESHOLDS\n"
        "keep_what_is_loaded()\n"
        "assert gc.get_freeze_count() > 1000\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
