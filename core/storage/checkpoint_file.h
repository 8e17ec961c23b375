// The small text files beside the logs, byte for byte as Kafka writes them
// (docs/formats/segment.md).
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/env/disk.h"

namespace faultline::storage {

using OffsetCheckpoint = std::map<TopicPartition, Offset>;

// "0\n<count>\n<topic> <partition> <offset>\n..."
std::string print_checkpoint(const OffsetCheckpoint&);
// Empty when `text` is anything else.
std::optional<OffsetCheckpoint> parse_checkpoint(std::string_view text);
// Parks. Empty when missing; corrupt. io.
Result<OffsetCheckpoint> read_checkpoint(Disk&, const std::string& path);
// Replaces the file; durable when it returns. Parks. io, no_space.
Result<void> write_text(Disk&, const std::string& path, std::string_view text);

struct MetaProperties {  // meta.properties, version 1
    Uuid cluster_id;
    NodeId node{-1};
    Uuid directory_id;
};
std::string print_meta(const MetaProperties&);
// Empty unless version 1 with a readable cluster id, when it names one.
std::optional<MetaProperties> parse_meta(std::string_view text);

// partition.metadata, version 0.
std::string print_partition_metadata(const Uuid& topic_id);
std::optional<Uuid> parse_partition_metadata(std::string_view text);

// The content of .kafka_cleanshutdown (KIP-966).
std::string print_clean_shutdown(std::int64_t broker_epoch);
// The broker epoch that it names; -1 when it names none.
std::int64_t parse_clean_shutdown(std::string_view text);

// "<topic>-<partition>"
std::string partition_dir(const TopicPartition&);
// Empty when `name` is not a partition's directory (also "...-delete" and "...-future").
std::optional<TopicPartition> parse_partition_dir(std::string_view name);
// "<topic>-<partition>.<32 hex>-<why>", cut to 255 characters as Kafka does; `why` is "delete" of a
// log that is removed, "stray" of one whose topic is not known.
std::string moved_dir(const TopicPartition&, const Uuid& unique, std::string_view why);
bool is_deleted_dir(std::string_view name);
}  // namespace faultline::storage
