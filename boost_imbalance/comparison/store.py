"""Records of a comparison, kept in a folder as they come, so that what was interrupted can go on."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

VERSION = 3
"""Format of the folder."""

_SETTINGS, _LABELS, _RECORDS, _PREDICTIONS = "settings.json", "labels.npz", "records.jsonl", "predictions"
_COLUMNS = "columns.json"


class Store:
    """The settings of a comparison and what was found so far; on disk, if there is a folder."""

    def __init__(self, settings: dict[str, Any], label: Array, folder: pathlib.Path | None = None) -> None:
        self.settings, self.label, self.folder = settings, label, folder
        self.columns: dict[str, Any] = {"columns": [], "findings": []}
        self.records: list[dict[str, Any]] = []
        self.predictions: dict[tuple[str, str], dict[tuple[int, int], dict[str, Array]]] = {}
        """By library and candidate, then by repeat and fold."""

    @classmethod
    def open(cls, settings: dict[str, Any], label: Array, output: Any, restart: bool) -> Store:
        """A new store, or the one that the same comparison has left in ``output``."""
        if output is None:
            return cls(settings, label)
        folder = pathlib.Path(output)
        if (folder / _SETTINGS).exists() and not restart:
            found = cls.read(folder)
            found.records = [record for record in found.records if "error" not in record]  # tried once more
            changed = [
                name for name in settings if name not in ("goal", "target") and found.settings.get(name) != settings[name]
            ]
            if changed:
                raise ValueError(
                    f"output is {str(folder)!r}, which holds a comparison of other {', '.join(changed)}; give another "
                    f"folder, or restart=True to throw that one away."
                )
            # A line that was cut off while it was written would swallow the next one.
            lines = "".join(_line(record) for record in found.records)
            (folder / f"{_RECORDS}.new").write_text(lines, encoding="utf-8")
            os.replace(folder / f"{_RECORDS}.new", folder / _RECORDS)
            found.settings = settings  # which may have another goal; that changes no training
            found._write_settings()
            return found
        made = cls(settings, label, folder)
        made._begin()
        return made

    @classmethod
    def read(cls, output: Any) -> Store:
        """The store that a comparison has left in a folder."""
        folder = pathlib.Path(output)
        if not (folder / _SETTINGS).exists():
            raise FileNotFoundError(f"{str(folder)!r} holds no comparison; give the folder that one was written to.")
        settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
        if settings.get("version", 0) > VERSION:
            raise ValueError(
                f"{str(folder)!r} holds a comparison that a later version wrote; upgrade boost-imbalance, or give another "
                f"folder."
            )
        if settings.get("version", 0) < VERSION:
            raise ValueError(
                f"{str(folder)!r} holds a comparison that an older version wrote; run it again with restart=True, or give "
                f"another folder."
            )
        with np.load(folder / _LABELS) as arrays:
            found = cls(settings, arrays["label"], folder)
        if (folder / _COLUMNS).exists():
            found.columns = json.loads((folder / _COLUMNS).read_text(encoding="utf-8"))
        # Of two runs in one folder, both may have trained the same.
        found.records = list({_key(record): record for record in _whole_lines(folder / _RECORDS)}.values())
        for record in found.records:
            path = found._path(record)
            if path.exists():
                with np.load(path) as arrays:
                    found._keep(record, dict(arrays))
        return found

    def describe(self, columns: dict[str, Any]) -> None:
        """Keep what the columns are; no setting, since what is said of them may change while the data stay."""
        self.columns = columns
        if self.folder is not None:
            (self.folder / _COLUMNS).write_text(json.dumps(columns, indent=1) + "\n", encoding="utf-8")

    def has(self, library: str, candidate: str, repeat: int, fold: int) -> bool:
        """True if a candidate was already measured on a fold, or tuned on all rows."""
        key = (library, candidate, repeat, fold)
        return any(key == _key(record) for record in self.records)

    def add(self, record: dict[str, Any], prediction: dict[str, Array] | None) -> None:
        """Keep one fold of one candidate; its predictions before its record, which says that they are whole."""
        if prediction is not None:
            self._keep(record, prediction)
            if self.folder is not None:
                np.savez_compressed(self._path(record), **prediction)  # type: ignore[arg-type]  # one name is savez's own
        self.records.append(record)
        if self.folder is not None:
            with (self.folder / _RECORDS).open("a", encoding="utf-8") as lines:
                lines.write(_line(record))

    def out_of_fold(self, library: str, candidate: str) -> dict[str, Array]:
        """``rows``, ``fold`` and predictions of the first repeat, by row number, from the folds that are done."""
        parts = self.parts(library, candidate, 0)
        if not parts:
            return {"rows": np.empty(0, np.int64)}
        joined = {
            name: np.concatenate([part[name] for part in parts.values()]) for name in ("rows", "probability", "decided")
        }
        joined["fold"] = np.repeat(list(parts), [len(part["rows"]) for part in parts.values()])
        order = np.argsort(joined["rows"])
        return {name: values[order] for name, values in joined.items()}

    def parts(self, library: str, candidate: str, repeat: int) -> dict[int, dict[str, Array]]:
        """``rows``, ``probability`` and ``decided`` of each fold of a repeat that is done."""
        found = self.predictions.get((library, candidate), {})
        return {fold: part for (one, fold), part in sorted(found.items(), key=lambda item: item[0]) if one == repeat}

    def _keep(self, record: dict[str, Any], prediction: dict[str, Array]) -> None:
        place = record["repeat"], record["fold"]
        self.predictions.setdefault((record["library"], record["candidate"]), {})[place] = prediction

    def _begin(self) -> None:
        assert self.folder is not None
        (self.folder / _PREDICTIONS).mkdir(parents=True, exist_ok=True)
        (self.folder / _SETTINGS).unlink(missing_ok=True)
        (self.folder / _COLUMNS).unlink(missing_ok=True)
        for stale in (self.folder / _PREDICTIONS).glob("*.npz"):
            stale.unlink()
        (self.folder / _RECORDS).write_text("", encoding="utf-8")
        np.savez_compressed(self.folder / _LABELS, label=self.label)
        self._write_settings()

    def _write_settings(self) -> None:
        assert self.folder is not None
        (self.folder / _SETTINGS).write_text(json.dumps(self.settings, indent=2) + "\n", encoding="utf-8")

    def _path(self, record: dict[str, Any]) -> pathlib.Path:
        assert self.folder is not None
        name = "".join(c if c.isalnum() else "-" for c in record["candidate"])
        number = self.settings["candidates"].index(record["candidate"])
        repeat, fold = record["repeat"], record["fold"]
        return self.folder / _PREDICTIONS / f"{record['library']}-{number:02d}-{name[:40]}-{repeat}-{fold}.npz"


def _key(record: dict[str, Any]) -> tuple[str, str, int, int]:
    return record["library"], record["candidate"], record["repeat"], record["fold"]


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, default=repr) + "\n"


def _whole_lines(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    """Records of a file, of which a crash may have cut off the last."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
