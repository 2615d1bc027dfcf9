#include "coalesce.h"

#include "coalesce_packet.h"
#include "tcp_udp.h"

#define NO_FLOW COALESCE_FLOWS

void coalescer_init(struct coalescer *c, bool tcp, bool udp, coalesce_sink sink, void *context) {
  c->tcp = tcp;
  c->udp = udp;
  c->sink = sink;
  c->context = context;
  c->flow_count = 0;
  for (uint8_t i = 0; i < COALESCE_FLOWS; i++) c->order[i] = i;
}

static void emit_alone(const struct coalescer *c, uint8_t *packet, size_t length) {
  struct vnet_header none = {0};
  const struct iovec parts[] = {{&none, VNET_HEADER_SIZE}, {packet, length}};
  c->sink(c->context, parts, 2, length, 1);
}

/* Writes the lengths of the whole packet. The system completes the transport's checksum if it is needed. */
static void rewrite_headers(const struct coalesce_flow *flow) {
  uint8_t *ip = flow->first;
  uint8_t *transport = ip + flow->transport_offset;
  const size_t transport_length = flow->length - flow->transport_offset;
  const uint8_t protocol = flow->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
  const uint16_t pseudo = checksum_fold(checksum_pseudo(ip, protocol, transport_length));
  if (flow->is_v4) {
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)flow->length);
    store_be16(ip + IPV4_CHECKSUM, 0);
    store_be16(ip + IPV4_CHECKSUM, (uint16_t)~checksum_fold(checksum_add(0, ip, IPV4_HEADER)));
  } else {
    store_be16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)transport_length);
  }
  if (flow->is_tcp) {
    transport[TCP_FLAGS] |= flow->last_flags & TCP_PSH;
    store_be16(transport + TCP_CHECKSUM, pseudo);
  } else {
    store_be16(transport + UDP_LENGTH, (uint16_t)transport_length);
    store_be16(transport + UDP_CHECKSUM, pseudo);
  }
}

static struct vnet_header vnet_header_of(const struct coalesce_flow *flow) {
  uint8_t gso_type = VNET_GSO_UDP_L4;
  if (flow->is_tcp) {
    gso_type = flow->is_v4 ? VNET_GSO_TCPV4 : VNET_GSO_TCPV6;
    if (flow->first[flow->transport_offset + TCP_FLAGS] & TCP_CWR) gso_type |= VNET_GSO_ECN;
  }
  return (struct vnet_header){
      .flags = VNET_NEEDS_CSUM,
      .gso_type = gso_type,
      .hdr_len = (uint16_t)flow->headers_length,
      .gso_size = (uint16_t)flow->segment_size,
      .csum_start = (uint16_t)flow->transport_offset,
      .csum_offset = flow->is_tcp ? TCP_CHECKSUM : UDP_CHECKSUM,
  };
}

/* Takes out the flow at this position of the order and passes it on. */
static void emit_at(struct coalescer *c, uint32_t position) {
  const uint8_t place = c->order[position];
  struct coalesce_flow *flow = &c->flows[place];
  struct vnet_header vnet = {0};
  c->flow_count--;
  for (uint32_t i = position; i < c->flow_count; i++) c->order[i] = c->order[i + 1];
  c->order[c->flow_count] = place;
  if (flow->packets > 1) {
    rewrite_headers(flow);
    vnet = vnet_header_of(flow);
  }
  flow->parts[0] = (struct iovec){&vnet, VNET_HEADER_SIZE};
  c->sink(c->context, flow->parts, (int)flow->packets + 1, flow->length, flow->packets);
}

/* Returns the position of the flow in the order; recently used flows are the most likely. */
static uint32_t find(const struct coalescer *c, const struct coalesce_key *key) {
  for (uint32_t i = c->flow_count; i-- > 0;) {
    const struct coalesce_key *other = &c->keys[c->order[i]];
    if (other->transport == key->transport && coalesce_has_addresses_of(other, key)) return i;
  }
  return NO_FLOW;
}

static void emit_between_addresses(struct coalescer *c, const struct coalesce_key *key) {
  for (uint32_t i = 0; i < c->flow_count;) {
    if (coalesce_has_addresses_of(&c->keys[c->order[i]], key))
      emit_at(c, i);
    else
      i++;
  }
}

static void start(struct coalescer *c, const struct coalesce_packet *packet) {
  if (c->flow_count == COALESCE_FLOWS) emit_at(c, 0);
  const uint8_t place = c->order[c->flow_count++];
  struct coalesce_flow *flow = &c->flows[place];
  c->keys[place] = packet->key;
  flow->first = packet->bytes;
  flow->length = packet->length;
  flow->headers_length = packet->headers_length;
  flow->transport_offset = packet->transport_offset;
  flow->segment_size = packet->payload;
  flow->packets = 1;
  flow->next_sequence = packet->sequence + (uint32_t)packet->payload;
  flow->last_flags = packet->flags;
  flow->is_tcp = packet->is_tcp;
  flow->is_v4 = packet->is_v4;
  flow->is_verified = false;
  flow->parts[1] = (struct iovec){packet->bytes, packet->length};
}

/* Returns false, with nothing changed, for a packet that does not continue the flow. */
static bool join(struct coalesce_flow *flow, const struct coalesce_packet *packet) {
  if (!coalesce_may_follow(flow, packet)) return false;
  if (!flow->is_verified) {
    if (!coalesce_is_intact(flow->first, flow->length, flow->transport_offset, flow->is_tcp))
      return false;
    flow->is_verified = true;
  }
  if (!coalesce_is_intact(packet->bytes, packet->length, flow->transport_offset, flow->is_tcp))
    return false;
  if (flow->packets == 1 && flow->is_v4)
    flow->ipv4_id_step =
        load_be16(packet->bytes + IPV4_ID) != load_be16(flow->first + IPV4_ID) ? 1 : 0;
  flow->packets++;
  flow->parts[flow->packets] =
      (struct iovec){packet->bytes + packet->headers_length, packet->payload};
  flow->length += packet->payload;
  flow->next_sequence += (uint32_t)packet->payload;
  flow->last_flags = packet->flags;
  return true;
}

/* Returns whether nothing more can be joined after this packet. */
static bool is_last(const struct coalesce_flow *flow, const struct coalesce_packet *packet) {
  const uint32_t most = flow->is_tcp ? COALESCE_MAX_PARTS - 1 : COALESCE_MAX_DATAGRAMS;
  return packet->payload < flow->segment_size || flow->packets == most ||
         (packet->flags & TCP_PSH) != 0;
}

static void add_joinable(struct coalescer *c, const struct coalesce_packet *packet,
                         uint32_t position) {
  if (position != NO_FLOW) {
    struct coalesce_flow *flow = &c->flows[c->order[position]];
    if (join(flow, packet)) {
      if (is_last(flow, packet)) emit_at(c, position);
      return;
    }
    emit_at(c, position);
  }
  if (packet->flags & TCP_PSH)
    emit_alone(c, packet->bytes, packet->length);
  else
    start(c, packet);
}

void coalescer_add(struct coalescer *c, uint8_t *packet, size_t length) {
  struct coalesce_packet read;
  if (c->flow_count == 0 && !c->tcp && !c->udp) {
    emit_alone(c, packet, length);
    return;
  }
  const enum coalesce_kind kind = coalesce_read(&read, packet, length);
  if (kind == COALESCE_WITHOUT_PORTS) {
    emit_between_addresses(c, &read.key);
    emit_alone(c, packet, length);
    return;
  }
  const uint32_t position = find(c, &read.key);
  if (kind == COALESCE_JOINABLE && (read.is_tcp ? c->tcp : c->udp)) {
    add_joinable(c, &read, position);
    return;
  }
  if (position != NO_FLOW) emit_at(c, position);
  emit_alone(c, packet, length);
}

void coalescer_flush(struct coalescer *c) {
  while (c->flow_count > 0) emit_at(c, 0);
}
