"""The tasks that belong to keys: follow their file, and record what they are used for."""

from gateway.app.key_activity import KeyActivity
from gateway.app.key_watch import KeyWatch
from gateway.clock import Clock
from gateway.replicas.supervisor import Supervisor


class KeyUpkeep:
    """Owner of the tasks. Call `close` once no generation runs any more, and before the store is closed."""

    def __init__(self, watch: KeyWatch, activity: KeyActivity, clock: Clock) -> None:
        self._watch = watch
        self._activity = activity
        self._supervisor = Supervisor(clock)

    def start(self) -> None:
        """Start the tasks."""
        self._supervisor.start("key watch", self._watch.run)
        if self._activity.is_shared:
            self._supervisor.start("key activity", self._activity.run)

    async def close(self) -> None:
        """End the tasks, and record what was not recorded yet."""
        await self._supervisor.close()
        await self._activity.share()
