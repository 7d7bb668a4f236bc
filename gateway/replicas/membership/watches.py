"""Which gateways have viewers of which generations: an owner counts each as one viewer, and wakes it.

An owner learns at once what changes, and everything again with each renewal of the lease: a message may be
lost, and generations change their owner.
"""

from collections.abc import Iterable

from gateway.pipeline.hub import Hub
from gateway.pipeline.mirrors import Mirror
from gateway.replicas.logs.log_writer import LogWriter
from gateway.replicas.logs.written_log import WrittenLog
from gateway.replicas.messaging.messages import Wake, Watch, Watching
from gateway.replicas.messaging.messenger import Messenger


class Watches:
    """Informs owners of what is viewed here, and counts the viewers that other gateways have."""

    def __init__(self, replica: str, hub: Hub, messenger: Messenger, writer: LogWriter) -> None:
        self._replica = replica
        self._hub = hub
        self._messenger = messenger
        self._writer = writer
        self._informed: set[str] = set()
        """Owners that know of viewers here."""
        self._watched: dict[str, dict[str, WrittenLog]] = {}
        """Logs of this gateway by the gateway that watches them."""

    # What is viewed here.

    def on_viewed(self, mirror: Mirror) -> None:
        """Inform the owner of a generation that it has a viewer here, if it has."""
        if mirror.viewers:
            self._post(mirror, viewing=True)

    def on_left(self, mirror: Mirror) -> None:
        """Inform the owner of a generation that it has no viewer here any more."""
        # A viewer that is sent to another gateway comes back: it must not look as if the last one had left.
        if not self._hub.departures.has_begun:
            self._post(mirror, viewing=False)

    def inform_all(self) -> None:
        """Inform each owner of all its generations that are viewed here."""
        if self._hub.departures.has_begun:
            return
        viewed: dict[str, list[str]] = {owner: [] for owner in self._informed}
        for mirror in self._hub.mirrors:
            if mirror.viewers and self._is_remote(mirror):
                viewed.setdefault(mirror.owner, []).append(mirror.generation.id)
        self._informed = {owner for owner, generation_ids in viewed.items() if generation_ids}
        for owner, generation_ids in viewed.items():
            self._messenger.post(owner, Watching(self._replica, tuple(generation_ids)))

    def _post(self, mirror: Mirror, *, viewing: bool) -> None:
        if self._is_remote(mirror):
            self._informed.add(mirror.owner)
            self._messenger.post(mirror.owner, Watch(self._replica, mirror.generation.id, viewing=viewing))

    def _is_remote(self, mirror: Mirror) -> bool:
        return not mirror.generation.log.ended and mirror.owner not in {"", self._replica}

    # What is viewed elsewhere.

    @property
    def watchers(self) -> Iterable[str]:
        """Return the gateways that have viewers of generations of this one."""
        return self._watched.keys()

    def on_watch(self, watch: Watch) -> None:
        """Count a gateway that has viewers of a generation as one viewer, or no longer."""
        if watch.viewing:
            self._add(watch.sender, watch.generation_id)
        else:
            self._remove(watch.sender, watch.generation_id)

    def on_watching(self, watching: Watching) -> None:
        """Count what a gateway views, and nothing else."""
        for generation_id in self._watched.get(watching.sender, {}).keys() - set(watching.generation_ids):
            self._remove(watching.sender, generation_id)
        for generation_id in set(watching.generation_ids) - self._watched.get(watching.sender, {}).keys():
            self._add(watching.sender, generation_id)

    def remove(self, watcher: str) -> None:
        """Count a gateway that has died no longer."""
        for generation_id in tuple(self._watched.get(watcher, ())):
            self._remove(watcher, generation_id)

    def end(self, written: WrittenLog) -> None:
        """Count those that watch a log no longer: it has ended, and they can read that from the store."""
        for watcher in tuple(written.watchers):
            self._remove(watcher, written.generation.id)

    def forget(self, written: WrittenLog) -> None:
        """Forget who watches a log that is written no longer; its viewers are not counted down."""
        for watcher in tuple(written.watchers):
            self._drop(watcher, written.generation.id)

    def _add(self, watcher: str, generation_id: str) -> None:
        written = self._writer.get(generation_id)
        if written is None or self._hub.record(generation_id) is None:
            # It has ended here, or runs elsewhere: what is stored says so.
            self._messenger.post(watcher, Wake({generation_id: 0}))
            return
        if watcher not in written.watchers:
            written.watchers.add(watcher)
            self._watched.setdefault(watcher, {})[generation_id] = written
            self._hub.add_viewer(generation_id)
        self._messenger.post(watcher, Wake({generation_id: written.stored}))
        self._writer.write_soon(written)

    def _remove(self, watcher: str, generation_id: str) -> None:
        written = self._drop(watcher, generation_id)
        if written is not None:
            self._hub.remove_viewer(generation_id)

    def _drop(self, watcher: str, generation_id: str) -> WrittenLog | None:
        watched = self._watched.get(watcher, {})
        written = watched.pop(generation_id, None)
        if written is not None:
            written.watchers.discard(watcher)
        if not watched:
            self._watched.pop(watcher, None)
        return written
