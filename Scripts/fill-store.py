#!/usr/bin/env python3
"""Fills a store for benchmarks: copies the newest finished job, with what belongs to it, until there are COUNT more.

usage: fill-store.py DATABASE COUNT

The database may be in use. It knows no table by name but `jobs`: what has a column `job` in its key, or no key but a position, belongs to one;
so does what has the key `step`, which is the job's position times 2^20 and a number of its own.
"""
import random
import sqlite3
import sys
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def identifier(milliseconds: int) -> str:
    return "".join(ALPHABET[milliseconds >> place & 31] for place in range(45, -1, -5)) + "".join(
        random.choices(ALPHABET, k=10)
    )


def main() -> None:
    path, count = sys.argv[1], int(sys.argv[2])
    store = sqlite3.connect(path, timeout=60, isolation_level=None)
    store.execute("PRAGMA foreign_keys = OFF")
    found = store.execute("SELECT id FROM jobs WHERE state = 'finished' ORDER BY position DESC LIMIT 1").fetchone()
    if found is None:
        sys.exit(f"{path} has no finished job to copy")
    now = int(time.time() * 1000)
    tables = [row[0] for row in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    store.execute("BEGIN IMMEDIATE")
    names = [identifier(now - count + number) for number in range(count)]
    for table in tables:
        columns = [(row[1], row[5]) for row in store.execute(f"PRAGMA table_info({table})")]
        owner = "id" if table == "jobs" else "job"
        keys = [name for name, key in columns if key]
        # Copies of what has a key of its own, such as marks of requests and entries of the ledger, would be others.
        if owner not in (name for name, _ in columns) or not (owner in keys or keys == ["position"]):
            continue
        # A number of its own is given anew.
        kept = [name for name, _ in columns if name not in ("position", owner)]
        rows = store.execute(f"SELECT {', '.join(kept) or '1'} FROM {table} WHERE {owner} = ?", found).fetchall()
        places = ", ".join("?" * (len(kept) + 1))
        for row in rows:
            store.executemany(
                f"INSERT INTO {table} ({', '.join([owner] + kept)}) VALUES ({places})", ((name, *row) for name in names)
            )
    position = store.execute("SELECT position FROM jobs WHERE id = ?", found).fetchone()[0]
    others = [store.execute("SELECT position FROM jobs WHERE id = ?", (name,)).fetchone()[0] for name in names]
    for table in tables:
        columns = [(row[1], row[5]) for row in store.execute(f"PRAGMA table_info({table})")]
        if [name for name, key in columns if key] != ["step"]:
            continue
        kept = [name for name, _ in columns if name != "step"]
        first = position << 20
        rows = store.execute(
            f"SELECT step - ?, {', '.join(kept)} FROM {table} WHERE step BETWEEN ? AND ?", (first, first, first + 0xFFFFF)
        ).fetchall()
        places = ", ".join("?" * (len(kept) + 1))
        store.executemany(
            f"INSERT INTO {table} (step, {', '.join(kept)}) VALUES ({places})",
            (((other << 20) + row[0], *row[1:]) for other in others for row in rows),
        )
    store.execute("COMMIT")
    print(f"{count} jobs more in the store")


if __name__ == "__main__":
    main()
