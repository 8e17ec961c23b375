// What every handler does the same way: decode, encode, fill the holes of a response.
#pragma once
#include <string>
#include <vector>

#include "core/broker/api_table.h"
#include "core/wire/reader.h"
#include "core/wire/writer.h"

namespace faultline::broker {

// What a client may do, as bits of Kafka's AclOperation: there are no ACLs, so everything.
inline constexpr std::int32_t kTopicOperations = 3576, kClusterOperations = 8096;

using Holes = std::vector<SmallVec<FileSlice, 2>>;  // by the token of an External

// The encoded message with file slices in its holes.
OutBuf fill(wire::Encoded encoded, Holes holes);

// Why a response cannot be sent, for the log.
std::string unwritable(wire::ApiKey api, wire::Version version, const char* why, const char* field);

template <class Message>
bool decode(const rpc::Request& request, Message& out) {
    wire::Reader in(request.body);
    out.decode(in, request.version);
    return in.ok();
}

// Sends header and message. A response that cannot be written, because its version has no such
// field or its text is too long, is a defect of ours; what a client has asked for must not end a
// node, so it costs this connection, and nothing else.
template <class Message>
void respond(rpc::Responder& responder, wire::ApiKey api, wire::Version version,
             std::int32_t correlation, const Message& message, Holes holes = {}) {
    wire::Writer out;
    rpc::write_response_header(out, api, version, correlation);
    message.encode(out, version);
    if (!out.ok()) return responder.lose(unwritable(api, version, out.error(), out.error_field()));
    if (out.size() > INT32_MAX)  // of a frame's length
        return responder.lose(unwritable(api, version, "it is larger than 2 GiB", "all of it"));
    responder.send(fill(out.finish(), std::move(holes)));
}
template <class Message>
void respond(rpc::Responder& responder, const rpc::Request& r, const Message& message) {
    respond(responder, r.api, r.version, r.correlation, message);
}

bool handle_api_versions(Context&, rpc::Request&, rpc::Responder&);
bool handle_metadata(Context&, rpc::Request&, rpc::Responder&);
bool handle_produce(Context&, rpc::Request&, rpc::Responder&);
bool handle_fetch(Context&, rpc::Request&, rpc::Responder&);
bool handle_list_offsets(Context&, rpc::Request&, rpc::Responder&);
bool handle_offset_for_leader_epoch(Context&, rpc::Request&, rpc::Responder&);
bool handle_create_topics(Context&, rpc::Request&, rpc::Responder&);
bool handle_create_partitions(Context&, rpc::Request&, rpc::Responder&);
bool handle_delete_topics(Context&, rpc::Request&, rpc::Responder&);
bool handle_delete_records(Context&, rpc::Request&, rpc::Responder&);
bool handle_describe_cluster(Context&, rpc::Request&, rpc::Responder&);
bool handle_describe_configs(Context&, rpc::Request&, rpc::Responder&);
bool handle_alter_configs(Context&, rpc::Request&, rpc::Responder&);
bool handle_incremental_alter_configs(Context&, rpc::Request&, rpc::Responder&);
bool handle_list_config_resources(Context&, rpc::Request&, rpc::Responder&);
bool handle_describe_log_dirs(Context&, rpc::Request&, rpc::Responder&);
bool handle_describe_producers(Context&, rpc::Request&, rpc::Responder&);
bool handle_describe_topic_partitions(Context&, rpc::Request&, rpc::Responder&);
bool handle_init_producer_id(Context&, rpc::Request&, rpc::Responder&);
bool handle_vote(Context&, rpc::Request&, rpc::Responder&);
bool handle_begin_quorum_epoch(Context&, rpc::Request&, rpc::Responder&);
bool handle_end_quorum_epoch(Context&, rpc::Request&, rpc::Responder&);
bool handle_quorum_fetch(Context&, rpc::Request&, rpc::Responder&);
bool handle_fetch_snapshot(Context&, rpc::Request&, rpc::Responder&);
bool handle_describe_quorum(Context&, rpc::Request&, rpc::Responder&);
bool handle_broker_registration(Context&, rpc::Request&, rpc::Responder&);
bool handle_broker_heartbeat(Context&, rpc::Request&, rpc::Responder&);
bool handle_alter_partition(Context&, rpc::Request&, rpc::Responder&);
bool handle_allocate_producer_ids(Context&, rpc::Request&, rpc::Responder&);
bool handle_elect_leaders(Context&, rpc::Request&, rpc::Responder&);
bool handle_alter_partition_reassignments(Context&, rpc::Request&, rpc::Responder&);
bool handle_list_partition_reassignments(Context&, rpc::Request&, rpc::Responder&);
bool handle_add_raft_voter(Context&, rpc::Request&, rpc::Responder&);
bool handle_remove_raft_voter(Context&, rpc::Request&, rpc::Responder&);
bool handle_update_raft_voter(Context&, rpc::Request&, rpc::Responder&);
bool handle_update_features(Context&, rpc::Request&, rpc::Responder&);
bool handle_unregister_broker(Context&, rpc::Request&, rpc::Responder&);
}  // namespace faultline::broker
