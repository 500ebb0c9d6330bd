/*
 * Sends the datagrams of a file to an address by UDP at a rate, over and over, as a mirror session does.
 *
 *   mirror-sender FILE IPV4 PORT DATAGRAMS PER_SECOND
 *
 * The file is a row of datagrams, each behind its length in two octets, the higher one first. Prints how many were sent and
 * in how many seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 32

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 6) return 64;
  FILE *file = fopen(argv[1], "rb");
  if (file == NULL) return 66;
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(size);
  if (fread(bytes, 1, size, file) != (size_t)size) return 74;
  long wanted = atol(argv[4]);
  double rate = atof(argv[5]);
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
  inet_pton(AF_INET, argv[2], &to.sin_addr);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) return 68;
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  long sent = 0, at = 0;
  double began = now();
  while (sent < wanted) {
    int count = 0;
    while (count < BATCH && sent + count < wanted) {
      if (at + 2 > size) at = 0;
      int length = bytes[at] << 8 | bytes[at + 1];
      parts[count] = (struct iovec){bytes + at + 2, length};
      memset(&messages[count], 0, sizeof messages[count]);
      messages[count].msg_hdr.msg_iov = &parts[count];
      messages[count].msg_hdr.msg_iovlen = 1;
      at += 2 + length;
      count++;
    }
    for (int done = 0; done < count;) {
      int more = sendmmsg(fd, messages + done, count - done, 0);
      if (more < 0) {
        perror("sendmmsg");
        return 74;
      }
      done += more;
    }
    sent += count;
    double ahead = began + sent / rate - now();
    if (ahead > 0) {
      struct timespec pause = {0, (long)(ahead * 1e9)};
      nanosleep(&pause, NULL);
    }
  }
  printf("%ld %f\n", sent, now() - began);
  return 0;
}
