/*
 * Hosts that misbehave, for responder.c. With `--hostile N`, every address whose number modulo N is N - 1 is one of them.
 * The number divided by N, modulo the length of the table, is its entry. bench/soaking.py computes the same, and has the
 * expected result of each; tests/hostile has many more.
 */
enum act { HOLD, CLOSE, RESET, HALF_CLOSE, FLOOD, DRIP, OWN_LISTS };

struct hostile {
    const char *name;
    const char *text; /* sent first; of DRIP and FLOOD without end, again and again */
    size_t length;
    enum act then;
    int waits;   /* for the client's identification, before anything is sent */
    int seconds; /* before `then`; of DRIP: bytes a second */
    size_t tail; /* of FLOOD: how much of the end of `text` is repeated */
};

#define TEXT(literal) literal, sizeof literal - 1
#define ID "SSH-2.0-Hostile_1.0\r\n"
#define COOKIE "0123456789abcdef"
#define LINE "Welcome, and wait a moment\r\n"
#define NAMES "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,"

static const struct hostile hostiles[] = {
    {"silence", TEXT(""), HOLD, 0, 0, 0},
    {"a byte a second", TEXT("Welcome, and wait a moment. Somebody will be with you before long. "), DRIP, 0, 1, 0},
    {"a line a second", TEXT(LINE), DRIP, 0, sizeof LINE - 1, 0},
    {"an identification, a byte a second", TEXT("SSH-2.0-Hostile_1.0 which takes its time, more of it than anyone waits for\r\n"), DRIP, 0, 1, 0},
    {"lines without end", TEXT(LINE), FLOOD, 0, 0, sizeof LINE - 1},
    {"reset at once", TEXT(""), RESET, 0, 0, 0},
    {"reset after the identification", TEXT(ID), RESET, 1, 1, 0},
    {"closed at once", TEXT(""), CLOSE, 0, 0, 0},
    {"half-closed at once", TEXT(""), HALF_CLOSE, 0, 0, 0},
    {"HTTP", TEXT("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), CLOSE, 1, 0, 0},
    {"TLS alert", TEXT("\x15\x03\x01\x00\x02\x02\x46"), CLOSE, 1, 0, 0},
    {"SMTP", TEXT("220 mail.example.org ESMTP\r\n"), HOLD, 0, 0, 0},
    {"SSH-1 only", TEXT("SSH-1.5-OpenSSH_1.2.3\r\n"), HOLD, 0, 0, 0},
    {"MaxStartups", TEXT("Exceeded MaxStartups\r\n"), CLOSE, 0, 0, 0},
    {"penalty", TEXT("Not allowed at this time\r\n"), CLOSE, 0, 0, 0},
    {"silence after the identification", TEXT(ID), HOLD, 0, 0, 0},
    {"a gigabyte announced", TEXT(ID "\x40\0\0\0\x04\x14" NAMES), FLOOD, 0, 0, sizeof NAMES - 1},
    {"a million names", TEXT(ID "\0\x1e\x84\x9c\x04\x14" COOKIE "\0\x1e\x84\x80" NAMES), FLOOD, 0, 0, sizeof NAMES - 1},
    {"more names than anyone has", TEXT(ID "\0\0\x80\x24\x04\x14" COOKIE "\0\0\x7f\xe0" NAMES), FLOOD, 0, 0, sizeof NAMES - 1},
    {"packet length 0", TEXT(ID "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), HOLD, 0, 0, 0},
    {"noise", TEXT(ID "\xf3\x11\x9c\x80\x02\xaf\xfe\x07\x7b\x90\xee\x0d\x0a\x41\x14\xd2"), HOLD, 0, 0, 0},
    {"KEXINIT cut off", TEXT(ID "\0\0\x01\x4c\x04\x14" COOKIE "\0\0\0\x11" "curve25519-sha256"), CLOSE, 1, 0, 0},
    {"a list longer than its packet", TEXT(ID "\0\0\0\x1c\x04\x14" COOKIE "\0\0\x10\0" "a,b\0\0\0"), HOLD, 0, 0, 0},
    {"DISCONNECT", TEXT(ID "\0\0\0\x14\x06\x01\0\0\0\x02\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0"), CLOSE, 1, 0, 0},
    {"names and software of its own", TEXT(""), OWN_LISTS, 1, 0, 0},
};
enum { HOSTILES = sizeof hostiles / sizeof *hostiles };
