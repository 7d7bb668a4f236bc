"""Several gateway processes on one address: a supervisor starts them, restarts those that end, and passes signals on.

All workers accept from one listening socket, which the supervisor opens and they inherit. The alternative, a socket for
each with SO_REUSEPORT (socket(7)), was measured against it:

- A new connection waits for no worker in particular. With SO_REUSEPORT the kernel chooses by a hash of the addresses:
  with one of two workers stopped, 58 of 100 connections waited for it, and were reset when it was killed. With one
  socket, the other worker answered all 100, and none was lost. A worker that is replaced just stops to accept.
- The balance of one socket is poor as long as workers have little to do, because the kernel wakes all of them in a
  fixed order: 120 streams, 20 ms apart, were 37 and 83, and on four workers 21, 24, 56 and 19. So a worker that has
  more connections than another lets that one go first (`acceptor`): then they were 59 and 61, and on four 31, 30, 29
  and 30. With SO_REUSEPORT, 300 on four workers were 76, 69, 71 and 84.
- One socket works on every Unix, and an address that is in use is noticed.

A worker is a fresh interpreter that runs the same command. Nothing is forked: threads and locks would be in an unknown
state. Instructions come over a pair of sockets (`channel`), not as signals: systemd and terminals send a signal to all
processes of a group, and a worker must not count one that is passed on to it as a second one. The end of either process
closes its side of the pair, which the other one notices.
"""
