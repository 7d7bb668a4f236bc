"""Several gateway processes on one address: a supervisor starts them, restarts those that end, and passes signals on.

All workers accept from one listening socket, which the supervisor opens and they inherit. The alternative, a socket for
each with SO_REUSEPORT (socket(7)), was measured against it:

- A new connection goes to a worker that is idle. With SO_REUSEPORT the kernel chooses by a hash of the addresses: with
  one of two workers stopped, 58 of 100 connections waited for it, and were reset when it was killed. With one socket,
  the other worker answered all 100, and none was lost.
- Under load both balance alike: 300 streams that keep two workers half busy were 148 and 152, and 150 and 150. As long
  as workers have nothing to do, one socket is less even, because the kernel wakes them in a fixed order: 300 streams on
  four idle workers were 105, 30, 131 and 34 (with SO_REUSEPORT 76, 69, 71 and 84), with the same delay per chunk.
- One socket works on every Unix, refuses an address that is in use, and needs no care when a worker is replaced.

A worker is a fresh interpreter that runs the same command. Nothing is forked: threads and locks would be in an unknown
state. Instructions come over a pair of sockets (`channel`), not as signals: systemd and terminals send a signal to all
processes of a group, and a worker must not count one that is passed on to it as a second one. The end of either process
closes its side of the pair, which the other one notices.
"""
