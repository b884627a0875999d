/*
 * Canned SSH server: every address of 127.0.0.0/8 is a host.
 *
 *   responder --port N [--sets N] [--delay MS] [--seconds N] CAPTURE...
 *
 * Waits for the client's identification line, sends the bytes of one capture (an identification and a KEXINIT of a real
 * server, with a cookie and padding of its own for each connection), reads until the client closes, closes.
 *
 * Which capture a host sends follows from its address. --sets N (default: as many as captures) makes N different
 * KEXINITs of them by rotating the names inside their lists, which keeps every length. --delay waits that long before
 * it answers. It ends on SIGTERM, SIGINT, or after --seconds (default 900), so that none is ever left behind.
 * Several may share a port (SO_REUSEPORT).
 *
 * Safety. Linux delivers all of 127.0.0.0/8 only to a socket bound to INADDR_ANY, which would listen on every other
 * interface too. So the socket is bound to the device "lo" first (SO_BINDTODEVICE; needs no privilege on a new socket
 * since Linux 5.7), the program refuses to run where that fails, and hangs up on any peer that is not in 127.0.0.0/8.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 65536, MAX_CAPTURES = 64, MAX_ANSWER = 8192, EVENTS = 512 };

struct answer {
    unsigned char bytes[MAX_ANSWER];
    size_t length, cookie, padding; /* padding: offset of the packet's last bytes, which are random */
};

struct connection {
    uint32_t host;
    uint8_t state; /* 0: free, 1: waits for an identification, 2: waits for its time, 3: answered */
    uint32_t generation;
};

struct waiting {
    int fd;
    uint32_t generation;
    int64_t due;
};

static struct answer captures[MAX_CAPTURES], *answers;
static size_t capture_count, set_count;
static struct connection connections[MAX_FILES];
static struct waiting queue[MAX_FILES]; /* the delay is the same for all, so it is first in, first out */
static size_t queue_head, queue_length;
static volatile sig_atomic_t ended;
static uint64_t random_state = 88172645463325252u;

static void stop(int number) {
    (void)number;
    ended = 1;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t next_random(void) { /* xorshift64: not secret, only different each time */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint32_t be32(const unsigned char *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    if (capture_count == MAX_CAPTURES) { fprintf(stderr, "too many captures\n"); exit(1); }
    struct answer *a = &captures[capture_count++];
    a->length = fread(a->bytes, 1, sizeof a->bytes, file);
    fclose(file);
    unsigned char *line = memmem(a->bytes, a->length, "\n", 1);
    size_t start = line ? (size_t)(line - a->bytes) + 1 : a->length;
    /* RFC 4253 section 6: uint32 packet_length, byte padding_length; section 7.1: byte 20, 16 bytes of cookie */
    if (start + 22 > a->length || a->bytes[start + 5] != 20 || be32(a->bytes + start) + 4 != a->length - start) {
        fprintf(stderr, "%s: not an identification and a KEXINIT\n", path);
        exit(1);
    }
    a->cookie = start + 6;
    a->padding = a->length - a->bytes[start + 4];
}

/* Rotate the names of the comma-separated list at `text` by `by` places. */
static void rotate(unsigned char *text, size_t length, size_t by) {
    size_t names = length ? 1 : 0;
    for (size_t i = 0; i < length; i++) names += text[i] == ',';
    if (names < 2 || by % names == 0) return;
    size_t cut = 0;
    for (by %= names; by; cut++) by -= text[cut] == ',';
    unsigned char copy[MAX_ANSWER];
    memcpy(copy, text + cut, length - cut);
    copy[length - cut] = ',';
    memcpy(copy + length - cut + 1, text, cut - 1);
    memcpy(text, copy, length);
}

static void make_sets(void) {
    answers = calloc(set_count, sizeof *answers);
    if (!answers) die("calloc");
    for (size_t i = 0; i < set_count; i++) {
        answers[i] = captures[i % capture_count];
        size_t variant = i / capture_count, at = answers[i].cookie + 16;
        for (int list = 0; list < 10; list++) {
            size_t length = be32(answers[i].bytes + at);
            if (list == 0 || list == 2 || list == 4) { /* kex, cipher and MAC of the client: about 10 x 6 x 10 ways */
                size_t names = 1;
                for (size_t k = 0; k < length; k++) names += answers[i].bytes[at + 4 + k] == ',';
                rotate(answers[i].bytes + at + 4, length, variant % names);
                variant /= names;
            }
            at += 4 + length;
        }
    }
}

static void hang_up(int fd) {
    connections[fd].state = 0;
    connections[fd].generation++;
    close(fd);
}

static void send_answer(int fd) {
    struct answer *a = &answers[connections[fd].host % set_count];
    uint64_t r[2] = {next_random(), next_random()};
    memcpy(a->bytes + a->cookie, r, 16);
    for (size_t i = a->padding; i < a->length; i++) a->bytes[i] = (unsigned char)(r[0] >> (i % 8 * 8));
    connections[fd].state = 3;
    if (send(fd, a->bytes, a->length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)a->length) hang_up(fd);
}

int main(int argc, char **argv) {
    int port = 0, delay = 0, seconds = 900;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--port") && i + 1 < argc) port = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--sets") && i + 1 < argc) set_count = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--delay") && i + 1 < argc) delay = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) seconds = atoi(argv[++i]);
        else load(argv[i]);
    }
    if (port < 1 || port > 65535 || !capture_count || set_count > 100000) {
        fprintf(stderr, "usage: responder --port N [--sets N] [--delay MS] [--seconds N] CAPTURE...\n");
        return 2;
    }
    if (!set_count) set_count = capture_count;
    make_sets();

    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)) die("refusing to listen beyond loopback: SO_BINDTODEVICE lo");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted sockets inherit it */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_ANY)}};
    if (bind(listener, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(listener, 65535)) die("listen");

    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event)) die("epoll");
    printf("listening on port %d, %zu sets\n", port, set_count);
    fflush(stdout);

    uint64_t accepted = 0;
    int64_t end = now_ms() + (int64_t)seconds * 1000;
    while (!ended && now_ms() < end) {
        int wait = 500;
        if (queue_length) {
            int64_t left = queue[queue_head].due - now_ms();
            wait = left < 0 ? 0 : left < 500 ? (int)left : 500;
        }
        int ready = epoll_wait(poll, events, EVENTS, wait);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                for (;;) {
                    struct sockaddr_in peer, host;
                    socklen_t length = sizeof peer;
                    int client = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
                    if (client < 0) break;
                    length = sizeof host;
                    if (client >= MAX_FILES || ntohl(peer.sin_addr.s_addr) >> 24 != 127 ||
                        getsockname(client, (struct sockaddr *)&host, &length)) {
                        close(client);
                        continue;
                    }
                    accepted++;
                    connections[client].state = 1;
                    connections[client].host = ntohl(host.sin_addr.s_addr);
                    event.events = EPOLLIN;
                    event.data.fd = client;
                    epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
                }
                continue;
            }
            unsigned char buffer[8192];
            ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN)) {
                hang_up(fd);
            } else if (got > 0 && connections[fd].state == 1 && memchr(buffer, '\n', (size_t)got)) {
                if (!delay) {
                    send_answer(fd);
                } else if (queue_length == MAX_FILES) {
                    hang_up(fd);
                } else {
                    connections[fd].state = 2;
                    queue[(queue_head + queue_length++) % MAX_FILES] =
                        (struct waiting){fd, connections[fd].generation, now_ms() + delay};
                }
            }
        }
        while (queue_length && queue[queue_head].due <= now_ms()) {
            struct waiting *first = &queue[queue_head];
            if (connections[first->fd].state == 2 && connections[first->fd].generation == first->generation)
                send_answer(first->fd);
            queue_head = (queue_head + 1) % MAX_FILES;
            queue_length--;
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("accepted %llu cpu_us %lld\n", (unsigned long long)accepted,
           (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return 0;
}
