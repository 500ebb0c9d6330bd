/*
 * Sends the VXLAN datagrams of a file to an address by UDP at a rate, over and over, as a mirror session does: from a source
 * port that depends on the ports inside, another one for each direction (RFC 7348, section 5).
 *
 *   mirror-sender FILE IPV4 PORT DATAGRAMS PER_SECOND
 *
 * The file is a row of datagrams, each behind its length in two octets, the higher one first. Prints how many were sent and
 * in how many seconds.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

/* Between two looks at the clock. */
#define BATCH 32
#define SOURCES 64
/* VXLAN, Ethernet and IPv4 are before the ports. */
#define PORTS_AT (8 + 14 + 20)

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
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[3]))};
  inet_pton(AF_INET, argv[2], &to.sin_addr);
  int sources[SOURCES];
  for (int i = 0; i < SOURCES; i++) {
    sources[i] = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(sources[i], (struct sockaddr *)&to, sizeof to) != 0) return 68;
  }
  long sent = 0, at = 0;
  double began = now();
  while (sent < wanted) {
    for (int i = 0; i < BATCH && sent < wanted; i++, sent++) {
      if (at + 2 > size) at = 0;
      int length = bytes[at] << 8 | bytes[at + 1];
      const unsigned char *datagram = bytes + at + 2;
      const unsigned char *ports = datagram + PORTS_AT;
      int source = ((ports[0] << 8 | ports[1]) * 31 + (ports[2] << 8 | ports[3])) % SOURCES;
      if (send(sources[source], datagram, length, 0) < 0) {
        perror("send");
        return 74;
      }
      at += 2 + length;
    }
    double ahead = began + sent / rate - now();
    if (ahead > 0) {
      struct timespec pause = {0, (long)(ahead * 1e9)};
      nanosleep(&pause, NULL);
    }
  }
  printf("%ld %f\n", sent, now() - began);
  return 0;
}
