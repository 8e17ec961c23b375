// Writers of the generated files. Each returns the text of one file.
#pragma once
#include <string>
#include <vector>

#include "core/wire/gen/schema.h"

namespace wiregen {

std::string emit_message_header(const Message& m);                    // gen/wire/<stem>.h
std::string emit_shard(const std::vector<const Message*>& messages);  // tables of some messages
std::string emit_registry(const Schema& schema);                      // all_messages()
std::string emit_api_header(const Schema& schema);                    // gen/wire/api.h
std::string emit_api_source(const Schema& schema);
std::string emit_errors_header(const Schema& schema);  // gen/wire/errors.h
std::string emit_errors_source(const Schema& schema);
}  // namespace wiregen
