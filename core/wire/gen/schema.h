// The schema language, parsed and checked (docs/formats/wire.md).
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wiregen {

struct Range {
    int low = 0, high = -1;  // inclusive; 32767 is open
    bool contains(int v) const { return low <= v && v <= high; }
    bool empty() const { return low > high; }
};

struct Struct;

struct Field {
    std::string name;    // as in the schema
    std::string member;  // in C++
    std::string type;    // built in, or the name of a struct; without []
    std::string cpp;     // C++ type instead of the usual one, or empty
    bool array = false, ignorable = false, sensitive = false, never_compact = false;
    bool nullable = false, default_null = false;
    Range versions, nullable_versions, tagged;
    int tag = -1;
    std::string default_text;  // as in the schema, "" when absent
    const Struct* structure = nullptr;
};

struct Struct {
    std::string name;
    std::vector<Field> fields;
};

struct Message {
    std::string name, file_stem;  // ProduceRequest, produce_request
    std::string type;             // request, response, header, data, metadata, coordinator-...
    int number = -1;
    Range valid, flexible;
    bool latest_unstable = false;
    std::vector<Field> fields;
    std::vector<std::unique_ptr<Struct>> structs;  // nested ones, each after those it uses
};

struct Api {
    int key = 0;
    std::string name;
    Range broker, controller;  // advertised; empty: not served there
    bool forward = false, cluster = false;
    std::optional<int> response_header;
};

struct ErrorCode {
    int code = 0;
    std::string name;
    bool retriable = false, stale_metadata = false;
};

struct Schema {
    std::vector<std::unique_ptr<Message>> messages;  // by name
    std::vector<Api> apis;                           // by key
    std::vector<ErrorCode> errors;                   // by code
    const Message* find(const std::string& name) const;
};

// Throws std::runtime_error with the file and the field in its text.
Schema load(const std::filesystem::path& directory);

// PartitionIndex -> partition_index
std::string snake(const std::string& pascal);
}  // namespace wiregen
