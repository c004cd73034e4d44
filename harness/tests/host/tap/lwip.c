/* lwIP as a host: 192.0.2.7 and 2001:db8::7 behind the TAP device that is named on the command line.
 * On port 7 it reads lines: to `12` it answers with twelve octets `x`, after `close` it closes, and
 * to an empty one it says nothing. Debian: liblwip-dev; cc lwip.c -llwip.
 *
 * The driver is here since that of liblwip 2.1.3 (tapif) cannot be used: it takes buffers of
 * PBUF_POOL, of which the library has made elements of 616 octets and which it fills with up to
 * 1536, so that a frame of more than 592 octets overwrites the heap. Buffers of PBUF_RAM are as
 * long as what is put into them. */

#include <lwip/netif.h>
#include <lwip/tcp.h>
#include <lwip/tcpip.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <netif/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PORT = 7, MTU = 1500 };

/* A connection. */
struct talk {
    char line[32];
    size_t length;
    size_t to_send;
    int closes;
};

static void is_gone(void *talk, err_t reason) {
    (void)reason;
    free(talk);
}

/* Hands over what fits of what is still to be sent; then the end, if it was asked for. */
static err_t send_on(struct tcp_pcb *pcb, struct talk *talk) {
    static char text[4096];
    memset(text, 'x', sizeof text);
    while (talk->to_send > 0) {
        size_t part = talk->to_send;
        if (part > sizeof text)
            part = sizeof text;
        if (part > tcp_sndbuf(pcb))
            part = tcp_sndbuf(pcb);
        if (part == 0 || tcp_write(pcb, text, (u16_t)part, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        talk->to_send -= part;
    }
    tcp_output(pcb);
    if (talk->to_send > 0 || !talk->closes)
        return ERR_OK;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    free(talk);
    return tcp_close(pcb);
}

static err_t has_room(void *talk, struct tcp_pcb *pcb, u16_t acknowledged) {
    (void)acknowledged;
    return talk ? send_on(pcb, talk) : ERR_OK;
}

static void read_line(struct talk *talk) {
    talk->line[talk->length] = '\0';
    if (strcmp(talk->line, "close") == 0)
        talk->closes = 1;
    else
        talk->to_send += strtoul(talk->line, NULL, 10);
    talk->length = 0;
}

static void read_text(struct talk *talk, const char *text, size_t length) {
    for (size_t at = 0; at < length; at++) {
        if (text[at] == '\n')
            read_line(talk);
        else if (talk->length + 1 < sizeof talk->line)
            talk->line[talk->length++] = text[at];
    }
}

static err_t receives(void *state, struct tcp_pcb *pcb, struct pbuf *text, err_t reason) {
    struct talk *talk = state;
    (void)reason;
    if (text == NULL) {
        tcp_arg(pcb, NULL);
        free(talk);
        return tcp_close(pcb);
    }
    tcp_recved(pcb, text->tot_len);
    for (struct pbuf *part = text; talk && part; part = part->next)
        read_text(talk, part->payload, part->len);
    pbuf_free(text);
    return talk ? send_on(pcb, talk) : ERR_OK;
}

static err_t accepts(void *nothing, struct tcp_pcb *pcb, err_t reason) {
    (void)nothing;
    if (reason != ERR_OK || pcb == NULL)
        return ERR_VAL;
    struct talk *talk = calloc(1, sizeof *talk);
    if (talk == NULL)
        return ERR_MEM;
    tcp_arg(pcb, talk);
    tcp_recv(pcb, receives);
    tcp_sent(pcb, has_room);
    tcp_err(pcb, is_gone);
    return ERR_OK;
}

static void listens(void) {
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (pcb == NULL || tcp_bind(pcb, IP_ANY_TYPE, PORT) != ERR_OK)
        abort();
    pcb = tcp_listen(pcb);
    if (pcb == NULL)
        abort();
    tcp_accept(pcb, accepts);
}

static err_t transmits(struct netif *tap, struct pbuf *frame) {
    char octets[MTU + SIZEOF_ETH_HDR];
    u16_t length = pbuf_copy_partial(frame, octets, sizeof octets, 0);
    return write(*(int *)tap->state, octets, length) == length ? ERR_OK : ERR_IF;
}

static err_t comes_up(struct netif *tap) {
    memcpy(tap->hwaddr, "\x02\0\0\0\0\x07", tap->hwaddr_len = ETH_HWADDR_LEN);
    tap->name[0] = 't';
    tap->name[1] = 'p';
    tap->mtu = MTU;
    tap->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_MLD6;
    tap->output = etharp_output;
    tap->output_ip6 = ethip6_output;
    tap->linkoutput = transmits;
    return ERR_OK;
}

static struct netif tap;

/* Frames wait in the device while lwIP has no room for them. */
static void reads_frames(void *device) {
    char octets[MTU + SIZEOF_ETH_HDR];
    for (;;) {
        ssize_t length = read(*(int *)device, octets, sizeof octets);
        if (length < 0) {
            perror("read a frame");
            exit(1);
        }
        struct pbuf *frame = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);
        if (frame == NULL || pbuf_take(frame, octets, (u16_t)length) != ERR_OK)
            abort();
        while (tap.input(frame, &tap) != ERR_OK)
            usleep(100);
    }
}

static void start(void *device) {
    ip4_addr_t address, mask, gateway;
    ip6_addr_t address6;
    s8_t place;
    IP4_ADDR(&address, 192, 0, 2, 7);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 192, 0, 2, 1);
    if (!netif_add(&tap, &address, &mask, &gateway, device, comes_up, tcpip_input))
        abort();
    netif_set_default(&tap);
    netif_set_up(&tap);
    netif_set_link_up(&tap);
    netif_create_ip6_linklocal_address(&tap, 1);
    if (!ip6addr_aton("2001:db8::7", &address6) ||
        netif_add_ip6_address(&tap, &address6, &place) != ERR_OK)
        abort();
    netif_ip6_addr_set_state(&tap, place, IP6_ADDR_PREFERRED);
    listens();
    sys_thread_new("tap", reads_frames, device, 0, 0);
}

/* The device with that name; -1 and errno if it cannot be used. */
static int opens(const char *name) {
    /* What <linux/if.h> calls struct ifreq, which contradicts lwIP's headers. */
    struct {
        char name[16];
        short flags;
        char rest[22];
    } request = {.flags = IFF_TAP | IFF_NO_PI};
    int device = open("/dev/net/tun", O_RDWR);
    strncpy(request.name, name, sizeof request.name - 1);
    return device < 0 || ioctl(device, TUNSETIFF, &request) < 0 ? -1 : device;
}

int main(int count, char **words) {
    int device = count == 2 ? opens(words[1]) : -1;
    if (device < 0) {
        perror("usage: lwip TAP");
        return 1;
    }
    tcpip_init(start, &device);
    for (;;)
        pause();
}
