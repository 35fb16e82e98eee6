/* Prints what Xen's own headers say about the ioctls of gntalloc, gntdev and evtchn. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>
#include <xen/sys/gntdev.h>

#define NUMBER(n) printf(#n " %lx\n", (unsigned long)(n))
#define SIZE(s) printf("sizeof " #s " %zu\n", sizeof(struct s))
#define AT(s, f) printf(#s "." #f " %zu\n", offsetof(struct s, f))

int main(void)
{
	NUMBER(IOCTL_GNTALLOC_ALLOC_GREF);
	NUMBER(IOCTL_GNTALLOC_DEALLOC_GREF);
	NUMBER(GNTALLOC_FLAG_WRITABLE);
	AT(ioctl_gntalloc_alloc_gref, domid);
	AT(ioctl_gntalloc_alloc_gref, flags);
	AT(ioctl_gntalloc_alloc_gref, count);
	AT(ioctl_gntalloc_alloc_gref, index);
	AT(ioctl_gntalloc_alloc_gref, gref_ids);
	AT(ioctl_gntalloc_dealloc_gref, index);
	AT(ioctl_gntalloc_dealloc_gref, count);

	NUMBER(IOCTL_GNTDEV_MAP_GRANT_REF);
	NUMBER(IOCTL_GNTDEV_UNMAP_GRANT_REF);
	NUMBER(IOCTL_GNTDEV_SET_UNMAP_NOTIFY);
	NUMBER(IOCTL_GNTALLOC_SET_UNMAP_NOTIFY);
	NUMBER(UNMAP_NOTIFY_SEND_EVENT);
	NUMBER(IOCTL_GNTDEV_GRANT_COPY);
	AT(ioctl_gntdev_map_grant_ref, count);
	AT(ioctl_gntdev_map_grant_ref, index);
	AT(ioctl_gntdev_map_grant_ref, refs);
	SIZE(ioctl_gntdev_grant_ref);
	AT(ioctl_gntdev_grant_ref, domid);
	AT(ioctl_gntdev_grant_ref, ref);
	AT(ioctl_gntdev_unmap_grant_ref, index);
	AT(ioctl_gntdev_unmap_grant_ref, count);
	SIZE(ioctl_gntdev_unmap_notify);
	AT(ioctl_gntdev_unmap_notify, index);
	AT(ioctl_gntdev_unmap_notify, action);
	AT(ioctl_gntdev_unmap_notify, event_channel_port);
	SIZE(ioctl_gntalloc_unmap_notify);
	AT(ioctl_gntalloc_unmap_notify, index);
	AT(ioctl_gntalloc_unmap_notify, action);
	AT(ioctl_gntalloc_unmap_notify, event_channel_port);
	AT(ioctl_gntdev_grant_copy, count);
	AT(ioctl_gntdev_grant_copy, segments);
	SIZE(ioctl_gntdev_grant_copy_segment);
	AT(ioctl_gntdev_grant_copy_segment, source);
	AT(ioctl_gntdev_grant_copy_segment, dest);
	AT(ioctl_gntdev_grant_copy_segment, source.foreign.ref);
	AT(ioctl_gntdev_grant_copy_segment, source.foreign.offset);
	AT(ioctl_gntdev_grant_copy_segment, source.foreign.domid);
	AT(ioctl_gntdev_grant_copy_segment, len);
	AT(ioctl_gntdev_grant_copy_segment, flags);
	AT(ioctl_gntdev_grant_copy_segment, status);

	NUMBER(IOCTL_EVTCHN_BIND_INTERDOMAIN);
	NUMBER(IOCTL_EVTCHN_BIND_UNBOUND_PORT);
	NUMBER(IOCTL_EVTCHN_UNBIND);
	NUMBER(IOCTL_EVTCHN_NOTIFY);
	NUMBER(IOCTL_EVTCHN_RESET);
	AT(ioctl_evtchn_bind_interdomain, remote_domain);
	AT(ioctl_evtchn_bind_interdomain, remote_port);
	AT(ioctl_evtchn_bind_unbound_port, remote_domain);
	AT(ioctl_evtchn_unbind, port);
	AT(ioctl_evtchn_notify, port);
	return 0;
}
