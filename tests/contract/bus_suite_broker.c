/* Why: tests of a broker's driver must be able to kill, stop and restart the broker. */
#include "bus_suite_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define START_MS 20000

static void give_up(const char *what)
{
    perror(what);
    abort();
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        give_up("free_port");
    }
    close(fd);
    return ntohs(address.sin_port);
}

static bool accepts(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    bool connected = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return connected;
}

static bool find_program(const char *name, char ret_path[64])
{
    static const char *const folders[] = {"/usr/bin", "/usr/sbin", "/usr/local/bin"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(ret_path, 64, "%s/%s", folders[i], name);
        if (access(ret_path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* In the child: only what is safe after fork() in a process with threads. */
static void exec_broker(const struct broker *broker, const char *port, const char *log)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (broker->kind == BROKER_NATS) {
        execl(broker->program, broker->program, "-a", "127.0.0.1", "-p", port, "-l", log,
              "--user", "belfry", "--pass", BROKER_PASSWORD, (char *)NULL);
    } else {
        execl(broker->program, broker->program, "--bind", "127.0.0.1", "--port", port,
              "--save", "", "--appendonly", "no", "--dir", broker->folder, "--logfile",
              log, "--requirepass", BROKER_PASSWORD, (char *)NULL);
    }
    _exit(127);
}

void broker_start(struct broker *broker)
{
    char port[16], log[96];
    snprintf(port, sizeof(port), "%d", broker->port);
    snprintf(log, sizeof(log), "%s/log", broker->folder);

    broker->pid = fork();
    if (broker->pid < 0) {
        give_up("fork");
    }
    if (broker->pid == 0) {
        exec_broker(broker, port, log);
    }
    int64_t end_ms = clock_ms() + START_MS;
    while (!accepts(broker->port)) {
        if (clock_ms() > end_ms || waitpid(broker->pid, NULL, WNOHANG) != 0) {
            give_up(broker->program);
        }
        usleep(5000);
    }
}

bool broker_open(struct broker *broker, enum broker_kind kind)
{
    const char *name = kind == BROKER_NATS ? "nats-server" : "redis-server";
    *broker = (struct broker){.kind = kind};
    if (!find_program(name, broker->program)) {
        fprintf(stderr,
                "\n*** SKIPPED: %s is not installed, its driver stays untested ***\n\n",
                name);
        return false;
    }
    snprintf(broker->folder, sizeof(broker->folder), "/tmp/belfry-bus-XXXXXX");
    if (mkdtemp(broker->folder) == NULL) {
        give_up("mkdtemp");
    }
    broker->port = free_port();
    broker_start(broker);
    return true;
}

void broker_kill(struct broker *broker)
{
    if (broker->pid > 0) {
        kill(broker->pid, SIGKILL);
        waitpid(broker->pid, NULL, 0);
        broker->pid = 0;
    }
}

void broker_close(struct broker *broker)
{
    broker_kill(broker);
    char log[96];
    snprintf(log, sizeof(log), "%s/log", broker->folder);
    unlink(log);
    rmdir(broker->folder);
}

void broker_pause(struct broker *broker)
{
    kill(broker->pid, SIGSTOP);
}

void broker_resume(struct broker *broker)
{
    kill(broker->pid, SIGCONT);
}
