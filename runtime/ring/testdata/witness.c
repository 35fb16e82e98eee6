/*
 * The other end, or both ends, of a ring as the macros of Xen's own ring.h make
 * it: a witness that the Go package reproduces them. Compile with
 * -DREQ=<bytes> -DRSP=<bytes>.
 *
 *   witness front FILE BYTES START TOTAL   is a front end in the shared FILE
 *   witness back  FILE BYTES START TOTAL   is a back end in it
 *   witness trace FILE BYTES START         is both: takes steps from stdin, one a
 *                                          byte, and prints what each did
 *
 * As one end, it is notified by bytes on stdin and notifies by bytes on stdout.
 * START is the first index. Request n ends in the number n, its response in ~n.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* From this version on ring.h takes the barriers by these names. */
#define __XEN_INTERFACE_VERSION__ 0x00040600
#define xen_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/ring.h>

typedef struct { uint8_t b[REQ]; } wit_request_t;
typedef struct { uint8_t b[RSP]; } wit_response_t;
DEFINE_RING_TYPES(wit, wit_request_t, wit_response_t);

static void die(const char *why)
{
    fprintf(stderr, "witness: %s\n", why);
    exit(1);
}

static void notify(void)
{
    if (write(1, "!", 1) != 1)
        die("notify");
}

static void wait_event(void)
{
    char buf[4096];

    if (read(0, buf, sizeof(buf)) <= 0)
        die("the peer went away");
}

/* volatile: the peer writes it */
static RING_IDX load(const RING_IDX *p)
{
    return *(volatile const RING_IDX *)p;
}

static void set_number(uint8_t *end, uint32_t n) { memcpy(end - 4, &n, 4); }

static uint32_t number(const uint8_t *end)
{
    uint32_t n;

    memcpy(&n, end - 4, 4);
    return n;
}

static void init(wit_front_ring_t *f, wit_sring_t *s, size_t bytes, RING_IDX start)
{
    SHARED_RING_INIT(s);
    s->req_prod = s->rsp_prod = start;
    s->req_event = s->rsp_event = start + 1;
    FRONT_RING_ATTACH(f, s, start, bytes);
}

static void put_request(wit_front_ring_t *f, uint32_t n)
{
    set_number(RING_GET_REQUEST(f, f->req_prod_pvt)->b + REQ, n);
    f->req_prod_pvt++;
}

static uint32_t take_response(wit_front_ring_t *f)
{
    wit_response_t r;

    RING_COPY_RESPONSE(f, f->rsp_cons, &r);
    f->rsp_cons++;
    return number(r.b + RSP);
}

static uint32_t take_request(wit_back_ring_t *b)
{
    wit_request_t r;

    RING_COPY_REQUEST(b, b->req_cons, &r);
    b->req_cons++;
    return number(r.b + REQ);
}

static void put_response(wit_back_ring_t *b, uint32_t n)
{
    set_number(RING_GET_RESPONSE(b, b->rsp_prod_pvt)->b + RSP, n);
    b->rsp_prod_pvt++;
}

static void front(wit_front_ring_t *f, uint32_t total)
{
    uint32_t sent = 0, got = 0;
    int told, more;

    while (got < total) {
        uint32_t before = got;
        RING_IDX rp;

        while (!RING_FULL(f) && sent < total)
            put_request(f, sent++);
        RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(f, told);
        if (told)
            notify();
        rp = load(&f->sring->rsp_prod);
        xen_rmb();
        if (RING_RESPONSE_PROD_OVERFLOW(f, rp))
            die("rsp_prod overflow");
        while (f->rsp_cons != rp)
            if (take_response(f) != ~got++)
                die("wrong response");
        if (got != before)
            continue;
        RING_FINAL_CHECK_FOR_RESPONSES(f, more);
        if (!more)
            wait_event();
    }
}

static void back(wit_back_ring_t *b, uint32_t total)
{
    uint32_t done = 0;
    int told, more;

    while (done < total) {
        RING_IDX rp = load(&b->sring->req_prod);

        xen_rmb();
        if (RING_REQUEST_PROD_OVERFLOW(b, rp))
            die("req_prod overflow");
        while (b->req_cons != rp) {
            if (take_request(b) != done)
                die("wrong request");
            put_response(b, ~done++);
        }
        RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(b, told);
        if (told)
            notify();
        if (done == total)
            break;
        RING_FINAL_CHECK_FOR_REQUESTS(b, more);
        if (!more)
            wait_event();
    }
}

static void trace(wit_front_ring_t *f, wit_back_ring_t *b)
{
    wit_sring_t *s = f->sring;
    uint32_t sent = 0, done = 0;
    int op;

    printf("slots %u\n", RING_SIZE(f));
    while ((op = getchar()) != EOF) {
        unsigned int r = 0;

        switch (op % 8) {
        case 0:
            r = RING_FREE_REQUESTS(f);
            if (r)
                put_request(f, sent++);
            break;
        case 1:
            RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(f, r);
            break;
        case 2:
            if (XEN_RING_NR_UNCONSUMED_RESPONSES(f))
                r = take_response(f);
            break;
        case 3:
            RING_FINAL_CHECK_FOR_RESPONSES(f, r);
            r = !!r;
            break;
        case 4:
            if (XEN_RING_NR_UNCONSUMED_REQUESTS(b))
                r = take_request(b);
            break;
        case 5:
            if (b->req_cons != b->rsp_prod_pvt)
                put_response(b, ~done++);
            break;
        case 6:
            RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(b, r);
            break;
        case 7:
            RING_FINAL_CHECK_FOR_REQUESTS(b, r);
            r = !!r;
            break;
        }
        printf("%d %u: %u %u %u %u\n", op % 8, r, s->req_prod, s->req_event, s->rsp_prod, s->rsp_event);
    }
}

int main(int argc, char **argv)
{
    wit_front_ring_t f;
    wit_back_ring_t b;
    wit_sring_t *s;
    size_t bytes;
    RING_IDX start;
    int fd;

    if (argc < 5)
        die("usage");
    bytes = strtoul(argv[3], NULL, 10);
    start = strtoul(argv[4], NULL, 10);
    fd = open(argv[2], O_RDWR);
    s = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (s == MAP_FAILED)
        die("mmap");

    if (!strcmp(argv[1], "trace")) {
        init(&f, s, bytes, start);
        BACK_RING_ATTACH(&b, s, start, bytes);
        trace(&f, &b);
    } else if (!strcmp(argv[1], "front") && argc == 6) {
        init(&f, s, bytes, start);
        notify(); /* the ring is there */
        front(&f, strtoul(argv[5], NULL, 10));
    } else if (!strcmp(argv[1], "back") && argc == 6) {
        BACK_RING_ATTACH(&b, s, load(&s->rsp_prod), bytes);
        back(&b, strtoul(argv[5], NULL, 10));
    } else {
        die("usage");
    }
    return 0;
}
