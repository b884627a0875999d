/*
 * The floor: the kernel's cost of one host of `sshprobe scan --depth lists`.
 *
 *   floor --port N --first 127.x.y.z --hosts N [--concurrency N] [--processes N]
 *
 * The same conversation with each address from --first on, through plain epoll: connect, send an identification, read
 * the answer, send SSH_MSG_DISCONNECT, close our side, wait for the server's, close. Nothing is parsed: the answer is
 * complete after as many bytes as its packet length says. Connects to loopback only.
 *
 * Prints one line of JSON: hosts that answered, those that did not, CPU (user + system) and wall time in microseconds.
 * Several processes share the hosts and the concurrency; each prints its own line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 65536, EVENTS = 512, MAX_ANSWER = 8192 };

static const char identification[] = "SSH-2.0-sshprobe_0.1.0\r\n";
/* RFC 4253 section 11.1: DISCONNECT, reason 11, a description, no language; 8 bytes of padding (section 6) */
static const unsigned char goodbye[40] = "\0\0\0\x24\x08\x01\0\0\0\x0b\0\0\0\x0esshprobe: done";

static struct { uint8_t state; size_t got; } connections[MAX_FILES]; /* 1: connecting, 2: reading, 3: said goodbye */
static struct sockaddr_in address = {.sin_family = AF_INET};
static int poll_fd;
static long next_host, hosts, open_now, answered, failed;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void start(uint32_t host) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || fd >= MAX_FILES) die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    address.sin_addr.s_addr = htonl(host);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        failed++;
        close(fd);
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.fd = fd};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event)) die("epoll_ctl");
    connections[fd].state = 1;
    connections[fd].got = 0;
    open_now++;
}

static void finish(int fd, int fine) {
    close(fd);
    open_now--;
    if (fine) answered++; else failed++;
}

int main(int argc, char **argv) {
    long port = 0, concurrency = 500, processes = 1;
    struct in_addr first = {0};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) port = atol(argv[i + 1]);
        else if (!strcmp(argv[i], "--hosts")) hosts = atol(argv[i + 1]);
        else if (!strcmp(argv[i], "--concurrency")) concurrency = atol(argv[i + 1]);
        else if (!strcmp(argv[i], "--processes")) processes = atol(argv[i + 1]);
        else if (!strcmp(argv[i], "--first")) inet_aton(argv[i + 1], &first);
    }
    uint32_t base = ntohl(first.s_addr);
    if (port < 1 || port > 65535 || hosts < 1 || concurrency < processes || processes < 1 || processes > 64 || base >> 24 != 127 || (base + (uint32_t)hosts - 1) >> 24 != 127) {
        fprintf(stderr, "usage: floor --port N --first 127.x.y.z --hosts N [--concurrency N] [--processes N]\n");
        return 2;
    }
    address.sin_port = htons((uint16_t)port);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    long number = 0, all = hosts;
    while (number < processes - 1) {
        pid_t child = fork();
        if (child < 0) die("fork");
        if (!child) break;
        number++;
    }
    base += (uint32_t)(all * number / processes);
    hosts = all * (number + 1) / processes - all * number / processes;
    concurrency /= processes;
    if ((poll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0) die("epoll_create1");

    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    struct epoll_event events[EVENTS];
    static unsigned char buffer[MAX_ANSWER];
    while (next_host < hosts || open_now) {
        while (next_host < hosts && open_now < concurrency) start(base + (uint32_t)next_host++);
        int ready = epoll_wait(poll_fd, events, EVENTS, 10000);
        if (ready == 0) { fprintf(stderr, "floor: nothing came for 10 s, %ld open\n", open_now); return 1; }
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (connections[fd].state == 1) {
                struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
                if (send(fd, identification, sizeof identification - 1, MSG_NOSIGNAL) < 0) { finish(fd, 0); continue; }
                epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &event);
                connections[fd].state = 2;
                continue;
            }
            ssize_t got = recv(fd, buffer, sizeof buffer, 0);
            if (connections[fd].state == 3) {
                if (got <= 0) finish(fd, got == 0);
                continue;
            }
            if (got <= 0) { finish(fd, 0); continue; }
            if (connections[fd].got == 0) {
                unsigned char *line = memchr(buffer, '\n', (size_t)got);
                if (line && line + 5 <= buffer + got) {
                    size_t packet = (size_t)line[1] << 24 | line[2] << 16 | line[3] << 8 | line[4];
                    connections[fd].got = (size_t)(line + 5 - buffer) + packet; /* still to come, counted down */
                } else { finish(fd, 0); continue; }
            }
            if (connections[fd].got > (size_t)got) { connections[fd].got -= (size_t)got; continue; }
            if (send(fd, goodbye, sizeof goodbye, MSG_NOSIGNAL) < 0) { finish(fd, 0); continue; }
            shutdown(fd, SHUT_WR);
            connections[fd].state = 3;
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"hosts\": %ld, \"failed\": %ld, \"cpu_us\": %ld, \"wall_us\": %ld}\n", answered, failed,
           (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec,
           (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000);
    fflush(stdout);
    int status, worst = failed ? 1 : 0;
    while (number == processes - 1 && wait(&status) > 0) worst |= status != 0;
    return worst;
}
