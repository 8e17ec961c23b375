// The events of a trace as columns, the form in which the HTML viewer gets them: small after
// deflate, and quick to turn into typed arrays.
#pragma once
#include <string>
#include <vector>

#include "visualize/trace_model.h"

namespace faultline::visualize {

// How one field of one type is written.
enum class Packing : char {
    delta = 'd',  // zigzag varints of differences to the value before (the first: to 0)
    plain = 'v',  // zigzag varints
    fixed = 'w',  // 8 bytes, little-endian: a value or a difference beyond 2^52
};

struct TypeColumns {
    std::size_t count = 0;          // events of the type
    std::vector<Packing> packings;  // one for each field
};

// `bytes`: a varint type for each event, in order; the times as delta; for each event a varint,
// how many of these events before it its cause stands (0: none); then for each type, for each
// field, the values of the type's events in order. No lengths: the counts tell them.
struct Columns {
    std::size_t count = 0;
    std::vector<TypeColumns> types;  // in the order of Trace::types
    std::string bytes;
};

// `events`: indices into trace.events, ascending. A cause that is not among them is replaced by its
// own cause.
Columns make_columns(const Trace& trace, const std::vector<std::size_t>& events);

// zlib's deflate of `bytes`, as base64.
std::string packed(const std::string& bytes);
}  // namespace faultline::visualize
