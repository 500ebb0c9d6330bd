// A mirror that can fall ill while traffic flows. It starts healthy (answers every bodyless request on keep-alive
// connections) and changes when a letter arrives on standard input:
//   h healthy    u hung: reads, never answers       f refusing: closes every connection at once
//   r resetting: reads a request, answers with RST  t trickling: one byte of the answer per second
//   e endless: a chunked answer without end, 64 MiB/s over all connections
//   c prints how many requests have been read so far
// It runs until standard input is closed. usage: fault PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 20000
#define ANSWER_HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 151\r\n\r\n"
#define ENDLESS_HEAD "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
enum { TICK_MS = 10, BYTES_PER_TICK = 64 * 1024 * 1024 / 100 };

// matched: how much of CRLF CRLF has been seen; owes: an answer has been asked for; sent: its bytes so far.
static struct { char open, matched, owes; size_t sent; } table[CONNECTIONS];
static int loop, highest;
static char mode = 'h', buffer[1 << 16], answer[512], chunk[1 << 16];
static size_t answerBytes;
static unsigned long requests;

static void drop(int fd, int reset) {
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  if (reset) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
  table[fd].open = 0;
}

static void welcome(int listener) {
  int one = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  if (fd < 0) return;
  if (fd >= CONNECTIONS || mode == 'f') { close(fd); return; }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  memset(&table[fd], 0, sizeof table[fd]);
  table[fd].open = 1;
  if (fd > highest) highest = fd;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
}

static void receive(int fd) {
  ssize_t length = read(fd, buffer, sizeof buffer);
  if (length <= 0) return drop(fd, 0);
  int asked = 0;
  for (ssize_t i = 0; i < length; i++) {
    char expected = table[fd].matched % 2 ? '\n' : '\r';
    table[fd].matched = buffer[i] == expected ? table[fd].matched + 1 : buffer[i] == '\r';
    if (table[fd].matched == 4) asked++, table[fd].matched = 0;
  }
  requests += asked;
  if (asked && mode == 'r') return drop(fd, 1);
  if (asked && (mode == 't' || mode == 'e')) table[fd].owes = 1;
  // every other trickled answer begins with a whole head, so that both halves of an answer are seen to drag
  if (asked && mode == 't' && fd % 2) table[fd].sent = strlen(ANSWER_HEAD), send(fd, answer, table[fd].sent, MSG_NOSIGNAL);
  if (mode == 'h') while (asked-- > 0) send(fd, answer, answerBytes, MSG_NOSIGNAL);
}

static void trickle(int fd) {
  if (send(fd, answer + table[fd].sent, 1, MSG_NOSIGNAL) == 1) table[fd].sent++;
  if (table[fd].sent >= answerBytes) table[fd].owes = 0, table[fd].sent = 0;
}

static long pour(int fd) {
  if (table[fd].sent == 0) table[fd].sent = send(fd, ENDLESS_HEAD, strlen(ENDLESS_HEAD), MSG_NOSIGNAL);
  // one chunk whose size is never reached
  if (table[fd].sent == strlen(ENDLESS_HEAD)) table[fd].sent += send(fd, "7fffffffff\r\n", 12, MSG_NOSIGNAL);
  ssize_t sent = send(fd, chunk, sizeof chunk, MSG_NOSIGNAL);
  return sent < 0 ? 0 : sent;
}

static void tick(void) {
  static int ticks, next;
  ticks++;
  if (mode == 't' && ticks % (1000 / TICK_MS) == 0)
    for (int fd = 0; fd <= highest; fd++) if (table[fd].open && table[fd].owes) trickle(fd);
  if (mode != 'e') return;
  long budget = BYTES_PER_TICK;
  for (int seen = 0; seen <= highest && budget > 0; seen++, next = (next + 1) % (highest + 1))
    if (table[next].open && table[next].owes) budget -= pour(next);
}

// Returns 0 when standard input is closed.
static int command(void) {
  char letter;
  if (read(0, &letter, 1) <= 0) return 0;
  if (letter == 'c') { printf("%lu\n", requests); fflush(stdout); }
  else if (strchr("hufrte", letter)) mode = letter;
  for (int fd = 0; letter == 'f' && fd <= highest; fd++) if (table[fd].open) drop(fd, 0);
  return 1;
}

static long nowMs(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int main(int count, char **arguments) {
  if (count < 2) return 64;
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return 1;
  memset(chunk, 'x', sizeof chunk);
  answerBytes = snprintf(answer, sizeof answer, "%s%0151d", ANSWER_HEAD, 0);
  loop = epoll_create1(0);
  for (int fd = 0; fd <= listener; fd += listener) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event);
  }
  struct epoll_event events[256];
  for (long due = nowMs() + TICK_MS;;) {
    int ready = epoll_wait(loop, events, 256, mode == 't' || mode == 'e' ? TICK_MS : 1000);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == 0) { if (!command()) return 0; }
      else if (fd == listener) welcome(listener);
      else if (table[fd].open) receive(fd);
    }
    if (nowMs() >= due) tick(), due = nowMs() + TICK_MS;
  }
}
