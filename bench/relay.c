// The physical limit: a byte relay that does as little as a relay can. One thread, level-triggered epoll, one read
// and one write per message. With a third port, requests are copied there and the answers thrown away; a mirror that
// cannot take a copy at once gets no more of that connection, so it never holds a client up.
// usage: relay LISTEN_PORT PRIMARY_PORT [MIRROR_PORT]
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENT, PRIMARY, MIRROR };
struct session;
struct end { int fd, ended; char *rest; size_t length; struct session *session; };
struct session { struct end ends[3]; int closed; struct session *next; };

static int loop;
static char buffer[1 << 16];
static struct session *garbage; // closed in this batch of events, which may still name them

static struct end *opposite(struct end *end) {
  return &end->session->ends[end == &end->session->ends[CLIENT] ? PRIMARY : CLIENT];
}

static void watch(struct end *end, int operation) {
  int reads = !end->ended && !opposite(end)->rest;
  struct epoll_event event = {.events = (reads ? EPOLLIN : 0) | (end->rest ? EPOLLOUT : 0), .data.ptr = end};
  epoll_ctl(loop, operation, end->fd, &event);
}

static void forget(struct end *end) {
  if (end->fd >= 0) close(end->fd);
  free(end->rest);
  end->fd = -1, end->rest = NULL;
}

static void finish(struct session *session) {
  if (session->closed) return;
  for (int i = 0; i < 3; i++) forget(&session->ends[i]);
  session->closed = 1, session->next = garbage, garbage = session;
}

// Writes what the socket takes and keeps the rest; its source is not read until the rest is gone.
static void deliver(struct end *to, const char *bytes, size_t length) {
  ssize_t sent = send(to->fd, bytes, length, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return finish(to->session);
  size_t left = length - (sent < 0 ? 0 : sent);
  int blocked = to->rest != NULL;
  char *rest = left ? memcpy(malloc(left), bytes + length - left, left) : NULL;
  free(to->rest);
  to->rest = rest, to->length = left;
  if (blocked != (left > 0)) watch(to, EPOLL_CTL_MOD), watch(opposite(to), EPOLL_CTL_MOD);
}

static void receive(struct end *end) {
  struct session *session = end->session;
  struct end *mirror = &session->ends[MIRROR], *to = opposite(end);
  ssize_t length = read(end->fd, buffer, sizeof buffer);
  if (length < 0 && errno == EAGAIN) return;
  if (end == mirror) { if (length <= 0) forget(mirror); return; }
  if (length < 0 || (length == 0 && to->ended)) return finish(session);
  if (length == 0) {
    end->ended = 1;
    shutdown(to->fd, SHUT_WR);
    return watch(end, EPOLL_CTL_MOD);
  }
  deliver(to, buffer, length);
  if (end != &session->ends[CLIENT] || session->closed || mirror->fd < 0) return;
  if (send(mirror->fd, buffer, length, MSG_NOSIGNAL) != length) forget(mirror);
}

static struct sockaddr_in local(const char *port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void adopt(struct session *session, int role, int fd) {
  int one = 1;
  session->ends[role] = (struct end){.fd = fd, .session = session};
  if (fd < 0) return;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int dial(const char *port) {
  struct sockaddr_in address = local(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (void *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static void welcome(int listener, char **ports) {
  struct session *session = calloc(1, sizeof *session);
  adopt(session, CLIENT, accept(listener, NULL, NULL));
  adopt(session, PRIMARY, dial(ports[2]));
  adopt(session, MIRROR, ports[3] ? dial(ports[3]) : -1);
  if (session->ends[CLIENT].fd < 0 || session->ends[PRIMARY].fd < 0) return finish(session);
  for (int i = 0; i < 3; i++) if (session->ends[i].fd >= 0) watch(&session->ends[i], EPOLL_CTL_ADD);
}

int main(int count, char **ports) {
  if (count < 3) return 64;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = local(ports[1]);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return 1;
  loop = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN}, events[256];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(loop, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      struct end *end = events[i].data.ptr;
      if (end == NULL) welcome(listener, ports);
      else if (end->fd < 0) continue;
      else if (events[i].events & EPOLLIN) receive(end);
      else if (events[i].events & EPOLLOUT) deliver(end, end->rest, end->length);
      else finish(end->session);
    }
    for (struct session *next; garbage; garbage = next) next = garbage->next, free(garbage);
  }
}
