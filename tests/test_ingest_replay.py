# SPDX-License-Identifier: Apache-2.0
"""Recorded files published over MQTT in the order of their time."""
import gzip
import json
import subprocess

from conftest import program, wait_for

HEADER = '"No","year","month","day","hour","PM2.5","wd","station"\n'


def record(path, station, hours, value="9"):
    text = HEADER + "".join(f'{h},2013,3,{h // 24 + 1},{h % 24},{value},"NW","{station}"\n' for h in hours)
    (gzip.open if path.suffix == ".gz" else open)(path, "wt").write(text)
    return path


def listen(broker, count):
    return subprocess.Popen(["mosquitto_sub", "-p", str(broker.port), "-t", "#", "-q", "1", "-C", str(count), "-F", "%t %p"],
                            stdout=subprocess.PIPE, text=True)


def replay(broker, *arguments):
    return program("replay", *arguments, "--mqtt", f"127.0.0.1:{broker.port}", "--topic", "zs/prsa/{station}/reading",
                   "--time", "year,month,day,hour", "--zone", "+08:00")


def subscribed(broker):
    return wait_for("the listener", lambda: "mosq" in (broker.folder / "mosquitto.log").read_text()
                    or "auto-" in (broker.folder / "mosquitto.log").read_text())


def test_files_are_merged_in_the_order_of_time(broker, tmp_path):
    a = record(tmp_path / "a.csv", "A", [0, 1, 30], "NA")
    b = record(tmp_path / "b.csv.gz", "B", [1, 2, 29])
    listener = listen(broker, 6)
    subscribed(broker)
    done = replay(broker, a, b)
    assert done.returncode == 0 and "6 rows published" in done.stderr, done.stderr
    lines = [line.split(" ", 1) for line in listener.communicate(timeout=30)[0].splitlines()]
    assert [(t.split("/")[2], json.loads(p)["No"]) for t, p in lines] == [
        ("A", 0), ("A", 1), ("B", 1), ("B", 2), ("B", 29), ("A", 30)]
    assert json.loads(lines[0][1]) == {"No": 0, "year": 2013, "month": 3, "day": 1, "hour": 0, "PM2.5": "NA", "wd": "NW",
                                       "station": "A"}


def test_bounds_and_skip(broker, tmp_path):
    path = record(tmp_path / "a.csv", "A", range(48))
    listener = listen(broker, 3)
    subscribed(broker)
    done = replay(broker, path, "--from", "2013-03-02", "--to", "2013-03-02T05:00:00", "--skip", "2")
    assert "3 rows published" in done.stderr, done.stderr
    assert [json.loads(line.split(" ", 1)[1])["No"] for line in listener.communicate(timeout=30)[0].splitlines()] == [26, 27, 28]


def test_speed_is_kept(broker, tmp_path):
    path = record(tmp_path / "a.csv", "A", range(4))
    done = replay(broker, path, "--speed", "10800x")  # three hours in one second
    rate = float(done.stderr.split(", ")[-1].split(" ")[0])
    assert done.returncode == 0 and 2 < rate < 4.1, done.stderr


def test_rows_that_cannot_be_used_are_named(broker, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + '1,2013,2,30,0,9,"NW","A"\n1,2\n1,2013,3,1,0,9,"NW","A/B"\n1,2013,3,1,0,9,"NW","A"\n')
    done = replay(broker, path)
    assert "1 rows published" in done.stderr
    for line in (2, 3, 4):
        assert f"{path}:{line}:" in done.stderr, done.stderr


def test_wrong_use_is_explained(broker, tmp_path):
    path = record(tmp_path / "a.csv", "A", [0])
    for more, word in [(["--speed", "fast"], "--speed"), (["--zone", "Asia"], "--zone"), (["--time", "when"], "when")]:
        done = program("replay", path, "--mqtt", f"127.0.0.1:{broker.port}", "--topic", "t", "--time", "year,month,day,hour",
                       "--zone", "+08:00", *more)
        assert done.returncode == 2 and word in done.stderr, done.stderr
    assert program("replay", tmp_path / "none.csv", "--mqtt", "127.0.0.1:1", "--topic", "t", "--time", "a").returncode == 2
