/*
 * Canned SSH server: every address of 127.0.0.0/8 is a host.
 *
 *   responder --port N [--sets N] [--delay MS] [--hostile N] [--seconds N] CAPTURE...
 *
 * Waits for the client's identification line, sends the bytes of one capture (an identification and a KEXINIT of a real
 * server, with a cookie and padding of its own for each connection), reads until the client closes, closes.
 *
 * Which capture a host sends follows from its address. --sets N (default: as many as captures) makes N different
 * KEXINITs of them by rotating the names inside their lists, which keeps every length. --delay waits that long before
 * it answers. --hostile N makes one address of N misbehave (hostile.h). It ends on SIGTERM, SIGINT, or after --seconds
 * (default 900), so that none is left behind.
 * Several may share a port (SO_REUSEPORT).
 *
 * It stands for hosts with processors of their own, so it uses little CPU of this machine: seven system calls per
 * connection, with edge-triggered events. It is SCHED_BATCH (sched(7)), so that it gets its usual share of CPU but does not
 * preempt the client at every event.
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
#include <sched.h>
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

#include "hostile.h"

enum { MAX_FILES = 65536, MAX_CAPTURES = 64, MAX_ANSWER = 8192, EVENTS = 512 };

struct answer {
    unsigned char bytes[MAX_ANSWER];
    size_t length, cookie, padding; /* padding: offset of the packet's last bytes, which are random */
};

struct connection {
    uint32_t host;
    uint8_t state; /* 0: free, 1: waits for an identification, 2: waits for its time, 3: answered, 4: misbehaves */
    uint32_t generation;
    const struct hostile *hostile;
    size_t sent; /* of its text */
    int seconds;
};

struct waiting {
    int fd;
    uint32_t generation;
    int64_t due;
};

static struct answer captures[MAX_CAPTURES], *answers;
static size_t capture_count, set_count;
static struct connection connections[MAX_FILES];
struct queue { /* the delay is the same for all of a queue, so it is first in, first out */
    struct waiting items[MAX_FILES];
    size_t head, length;
};
static struct queue delayed, each_second;
static int poll_fd, delay;
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
        unsigned char *lists[8];
        for (int list = 0; list < 8; list++) {
            lists[list] = answers[i].bytes + at;
            at += 4 + be32(lists[list]);
        }
        /* Kex, cipher and MAC of the client first: about 10 x 6 x 10 ways. With the rest every capture but those of
         * TinySSH, which has two to four names in all, has more than 500. */
        static const int turned[8] = {0, 2, 4, 3, 5, 1, 6, 7};
        for (int turn = 0; turn < 8; turn++) {
            unsigned char *text = lists[turned[turn]] + 4;
            size_t length = be32(text - 4), names = 1;
            for (size_t k = 0; k < length; k++) names += text[k] == ',';
            rotate(text, length, variant % names);
            variant /= names;
        }
    }
}

/* Returns 0 if the queue is full. */
static int put(struct queue *queue, int fd, int64_t delay) {
    if (queue->length == MAX_FILES) return 0;
    queue->items[(queue->head + queue->length++) % MAX_FILES] =
        (struct waiting){fd, connections[fd].generation, now_ms() + delay};
    return 1;
}

/* The next connection whose time has come, or -1. One that is gone since is skipped. */
static int take(struct queue *queue) {
    while (queue->length && queue->items[queue->head].due <= now_ms()) {
        struct waiting *first = &queue->items[queue->head];
        queue->head = (queue->head + 1) % MAX_FILES;
        queue->length--;
        if (connections[first->fd].state && connections[first->fd].generation == first->generation) return first->fd;
    }
    return -1;
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

static int is_letter(unsigned char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* The lists of a capture with letters of our own: names and a software that nobody else has, of the same lengths. */
static void send_own_lists(int fd) {
    struct answer a = answers[connections[fd].host % set_count];
    size_t line = (size_t)((unsigned char *)memchr(a.bytes, '\n', a.length) - a.bytes);
    for (size_t i = 8; i < line; i++) /* behind "SSH-2.0-" */
        if (is_letter(a.bytes[i])) a.bytes[i] = (unsigned char)('a' + next_random() % 26);
    size_t at = a.cookie + 16;
    for (int list = 0; list < 10; list++) {
        size_t length = be32(a.bytes + at);
        for (size_t i = at + 4; i < at + 4 + length; i++)
            if (is_letter(a.bytes[i])) a.bytes[i] = (unsigned char)('a' + next_random() % 26);
        at += 4 + length;
    }
    send(fd, a.bytes, a.length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Send as much of the text as is taken; returns 0 if the client is gone. */
static int send_text(int fd) {
    struct connection *c = &connections[fd];
    const struct hostile *h = c->hostile;
    size_t most = h->then == DRIP ? (size_t)h->seconds : h->length;
    for (;;) {
        size_t count = h->length - c->sent < most ? h->length - c->sent : most;
        if (count) {
            ssize_t done = send(fd, h->text + c->sent, count, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (done < 0) return errno == EAGAIN;
            c->sent += (size_t)done;
        }
        if (h->then == FLOOD && c->sent == h->length) c->sent = h->length - h->tail;
        if (h->then == DRIP && c->sent == h->length) c->sent = 0;
        if (h->then != FLOOD) return 1;
    }
}

static void do_last(int fd) {
    struct linger at_once = {1, 0};
    switch (connections[fd].hostile->then) {
    case RESET: setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once); /* fall through */
    case CLOSE: hang_up(fd); break;
    case HALF_CLOSE: shutdown(fd, SHUT_WR); break;
    default: break;
    }
}

/* The first thing that it does, and all of it unless there is something to wait for. */
static void misbehave(int fd) {
    const struct hostile *h = connections[fd].hostile;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};
    connections[fd].state = 4;
    connections[fd].sent = 0;
    connections[fd].seconds = h->seconds;
    if (h->then == OWN_LISTS) send_own_lists(fd);
    else if (!send_text(fd)) hang_up(fd);
    else if (h->then == FLOOD) epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &event);
    else if (h->then == DRIP || h->seconds) put(&each_second, fd, 1000);
    else do_last(fd);
}

static void second_later(int fd) {
    if (connections[fd].hostile->then == DRIP) {
        if (send_text(fd)) put(&each_second, fd, 1000);
        else hang_up(fd);
    } else if (--connections[fd].seconds) {
        put(&each_second, fd, 1000);
    } else {
        do_last(fd);
    }
}

/* Read all that there is, and answer. `ended`: nothing comes behind it. */
static void receive(int fd, int ended) {
    unsigned char buffer[8192];
    ssize_t got;
    do {
        got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got <= 0 || connections[fd].state != 1 || !memchr(buffer, '\n', (size_t)got)) continue;
        if (connections[fd].hostile) {
            misbehave(fd);
        } else if (!delay) {
            send_answer(fd);
        } else {
            connections[fd].state = 2;
            if (!put(&delayed, fd, delay)) hang_up(fd);
        }
        if (!connections[fd].state) return;
    } while (got == sizeof buffer);
    if (got == 0 || (got < 0 ? errno != EAGAIN : ended)) hang_up(fd);
}

int main(int argc, char **argv) {
    uint32_t one_of = 0;
    int port = 0, seconds = 900;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--port") && i + 1 < argc) port = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--sets") && i + 1 < argc) set_count = strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--delay") && i + 1 < argc) delay = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--hostile") && i + 1 < argc) one_of = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) seconds = atoi(argv[++i]);
        else load(argv[i]);
    }
    if (port < 1 || port > 65535 || !capture_count || set_count > 100000) {
        fprintf(stderr, "usage: responder --port N [--sets N] [--delay MS] [--hostile N] [--seconds N] CAPTURE...\n");
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

    struct sched_param none = {0};
    if (sched_setscheduler(0, SCHED_BATCH, &none)) die("SCHED_BATCH");
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0) die("socket");
    if (setsockopt(listener, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3)) die("refusing to listen beyond loopback: SO_BINDTODEVICE lo");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* accepted sockets inherit it */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_ANY)}};
    if (bind(listener, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(listener, 65535)) die("listen");

    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (poll_fd < 0 || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event)) die("epoll");
    printf("listening on port %d, %zu sets\n", port, set_count);
    fflush(stdout);

    uint64_t accepted = 0;
    int64_t end = now_ms() + (int64_t)seconds * 1000;
    while (!ended && now_ms() < end) {
        int64_t wait = 500;
        for (struct queue *queue = &delayed; queue; queue = queue == &delayed ? &each_second : NULL) {
            int64_t left = queue->length ? queue->items[queue->head].due - now_ms() : wait;
            wait = left < 0 ? 0 : left < wait ? left : wait;
        }
        int ready = epoll_wait(poll_fd, events, EVENTS, (int)wait);
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
                    uint32_t number = connections[client].host = ntohl(host.sin_addr.s_addr);
                    int is_hostile = one_of && number % one_of == one_of - 1;
                    connections[client].hostile = is_hostile ? &hostiles[number / one_of % HOSTILES] : NULL;
                    if (!is_hostile) receive(client, 0); /* most have said who they are by now */
                    if (!connections[client].state) continue;
                    event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
                    event.data.fd = client;
                    epoll_ctl(poll_fd, EPOLL_CTL_ADD, client, &event);
                    if (is_hostile && !connections[client].hostile->waits) misbehave(client);
                }
                continue;
            }
            if (connections[fd].state == 4 && events[i].events & EPOLLOUT && !send_text(fd)) {
                hang_up(fd);
                continue;
            }
            receive(fd, events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
        }
        for (int fd; (fd = take(&delayed)) >= 0;) send_answer(fd);
        for (int fd; (fd = take(&each_second)) >= 0;) second_later(fd);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("accepted %llu cpu_us %lld\n", (unsigned long long)accepted,
           (long long)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return 0;
}
