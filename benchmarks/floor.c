/* The floor: what `sriovctl ls --json` asks of the kernel, asked by a C program that does nothing
 * else.  One directory of all functions, the PFs' own files, one link for each VF (two with IOMMU
 * groups) and each netdev, who is bound to which driver, and one RTM_GETLINK for each PF with a
 * netdev. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *PCI = "/sys/bus/pci/devices", *DRIVERS = "/sys/bus/pci/drivers";
static char answer[16 << 20];
static unsigned long taken; /* so that no read can be left out */
static char names[256][IF_NAMESIZE], targets[256][512];
static int netdevs;

static int read_file(int directory, const char *name) {
    char text[4096] = "";
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    taken += read(file, text, sizeof text - 1);
    close(file);
    return atoi(text);
}

static int read_link(int directory, const char *name, char *target, size_t room) {
    ssize_t length = readlinkat(directory, name, target, room - 1);
    if (length < 0)
        return 0;
    target[length] = 0;
    taken += length;
    return 1;
}

static void ask_netdev(const char *name) {
    struct {
        struct nlmsghdr head;
        struct ifinfomsg body;
        struct rtattr filter;
        unsigned mask;
    } request = {{sizeof request, RTM_GETLINK, NLM_F_REQUEST, 1, 0}, {0}, {8, IFLA_EXT_MASK}, 1 | 8};
    int room = sizeof answer, netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    request.body.ifi_index = if_nametoindex(name);
    setsockopt(netlink, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (send(netlink, &request, sizeof request, 0) > 0)
        taken += recv(netlink, answer, sizeof answer, 0);
    close(netlink);
}

static void ask_netdevs_of(const char *pf) {
    for (int i = 0; i < netdevs; i++)
        if (strstr(targets[i], pf))
            ask_netdev(names[i]);
}

static void read_vfs(int devices, int pf, int vfs, int grouped) {
    char link[32], target[4096], group[4096], path[64];
    for (int i = 0; i < vfs; i++) {
        snprintf(link, sizeof link, "virtfn%d", i);
        if (!read_link(pf, link, target, sizeof target))
            continue;
        const char *address = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
        snprintf(path, sizeof path, "%.40s/iommu_group", address);
        if (grouped)
            read_link(devices, path, group, sizeof group);
        printf("%s %d\n", address, i);
    }
}

static void read_pf(int devices, const char *name, int grouped) {
    static const char *FILES[] = {"sriov_totalvfs", "sriov_drivers_autoprobe", "vendor",
                                  "device",         "class",                   "numa_node"};
    char target[4096];
    int pf = openat(devices, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (pf < 0)
        return;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        read_file(pf, FILES[i]);
    read_link(pf, "driver", target, sizeof target);
    read_link(pf, "iommu_group", target, sizeof target);
    ask_netdevs_of(name);
    read_vfs(devices, pf, read_file(pf, "sriov_numvfs"), grouped);
    close(pf);
}

static void read_directory(const char *path) {
    DIR *names = opendir(path);
    for (struct dirent *one; names && (one = readdir(names));)
        taken += strlen(one->d_name);
    if (names)
        closedir(names);
}

static void read_netdevs(void) {
    DIR *entries = opendir("/sys/class/net");
    for (struct dirent *one; entries && netdevs < 256 && (one = readdir(entries));)
        if (one->d_name[0] != '.') {
            snprintf(names[netdevs], IF_NAMESIZE, "%s", one->d_name);
            netdevs += read_link(dirfd(entries), one->d_name, targets[netdevs], 512);
        }
    if (entries)
        closedir(entries);
}

static void read_drivers(void) {
    DIR *names = opendir(DRIVERS);
    char path[512];
    for (struct dirent *one; names && (one = readdir(names));) {
        snprintf(path, sizeof path, "%s/%s", DRIVERS, one->d_name);
        if (one->d_name[0] != '.')
            read_directory(path);
    }
    if (names)
        closedir(names);
}

static int has_groups(void) {
    DIR *names = opendir("/sys/kernel/iommu_groups");
    int found = 0;
    for (struct dirent *one; names && (one = readdir(names));)
        found += one->d_name[0] != '.';
    if (names)
        closedir(names);
    return found > 0;
}

int main(void) {
    int grouped = has_groups();
    read_file(AT_FDCWD, "/sys/devices/system/node/online");
    read_drivers();
    read_netdevs();
    DIR *functions = opendir(PCI);
    char path[512];
    for (struct dirent *one; functions && (one = readdir(functions));) {
        snprintf(path, sizeof path, "%s/sriov_totalvfs", one->d_name);
        if (one->d_name[0] != '.' && !faccessat(dirfd(functions), path, F_OK, 0))
            read_pf(dirfd(functions), one->d_name, grouped);
    }
    fprintf(stderr, "%lu bytes\n", taken);
    return 0;
}
