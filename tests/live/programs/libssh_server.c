/* An SSH server of libssh that lets nobody in: its address, its port, then the files of its private host keys.
 * libssh-dev has no server in binary form. A process for each connection. */
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void serve(ssh_session session)
{
    ssh_message message;

    ssh_set_auth_methods(session, SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_PASSWORD);
    if (ssh_handle_key_exchange(session) != SSH_OK)
        return;
    while ((message = ssh_message_get(session)) != NULL) {
        if (ssh_message_type(message) == SSH_REQUEST_SERVICE) {
            ssh_message_service_reply_success(message);
        } else {
            ssh_message_auth_set_methods(message, SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_PASSWORD);
            ssh_message_reply_default(message);
        }
        ssh_message_free(message);
    }
}

int main(int count, char **words)
{
    ssh_bind listener = ssh_bind_new();
    int i;

    signal(SIGCHLD, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 4 || listener == NULL)
        return 2;
    ssh_bind_options_set(listener, SSH_BIND_OPTIONS_BINDADDR, words[1]);
    ssh_bind_options_set(listener, SSH_BIND_OPTIONS_BINDPORT_STR, words[2]);
    for (i = 3; i < count; i++)
        ssh_bind_options_set(listener, SSH_BIND_OPTIONS_HOSTKEY, words[i]);
    if (ssh_bind_listen(listener) != SSH_OK) {
        fprintf(stderr, "%s\n", ssh_get_error(listener));
        return 1;
    }
    puts("lab: listening");
    for (;;) {
        ssh_session session = ssh_new();
        if (session == NULL || ssh_bind_accept(listener, session) != SSH_OK)
            return 1;
        puts("lab: connection");
        if (fork() == 0) {
            serve(session);
            ssh_disconnect(session);
            _exit(0);
        }
        close(ssh_get_fd(session));
        ssh_free(session);
    }
}
