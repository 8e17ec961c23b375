// A batch under another codec: what compression.type asks of a leader.
#pragma once
#include <optional>
#include <string_view>

#include "core/base/iobuf.h"
#include "core/wire/compression.h"

namespace faultline::wire {

// The codec that a topic's compression.type names; nothing for "producer", which leaves batches as
// they come.
std::optional<Codec> codec_of_topic(std::string_view compression_type);

// The same records with the same header but for codec, length and CRC. Requires a batch that
// check_produce() allows. corrupt, too_large.
Result<IoBuf> recode_batch(const IoBuf& batch, Codec codec);
}  // namespace faultline::wire
