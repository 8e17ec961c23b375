// Ground truth: messages that Kafka's own classes wrote, all APIs at all versions.
// tests/wire_golden holds those of Kafka 4.3.1; the folder that FL_VECTORS names, or
// shared/kafka-protocol where it is at hand, is read too, so that vectors made anew are judged
// before they are taken in.
#include <cstdio>
#include <cstdlib>

#include <nlohmann/json.hpp>

#include "core/wire/message.h"
#include "gen/wire/api.h"
#include "tests/support/catch.h"
#include "tests/support/gz_lines.h"
#include "tests/unit/wire/message_holder.h"

using namespace faultline;
using namespace faultline::wire;
using faultline::test::from_hex;
using faultline::test::Holder;
using faultline::test::to_hex;
using Json = nlohmann::json;

namespace {

bool decodes(const MessageInfo& info, Version version, const std::string& bytes) {
    const Holder h(info);
    const IoBuf buf = IoBuf::copy_of(as_bytes(bytes));
    Reader in(buf);
    decode_message(in, version, info, h.message);
    return in.ok() && in.remaining() == 0;
}

void check_vector(const Json& v) {
    const auto schema = v["schema"].get<std::string>();
    const MessageInfo* info = find_message(schema.substr(0, schema.rfind(".json")));
    CAPTURE(v.dump().substr(0, 400));
    REQUIRE(info != nullptr);
    const Version version{v["version"].get<std::int16_t>()};
    const std::string bytes = from_hex(v["hex"]);
    const IoBuf buf = IoBuf::copy_of(as_bytes(bytes));
    const Holder h(*info);
    Reader in(buf);
    decode_message(in, version, *info, h.message);
    CAPTURE(in.ok() ? "" : in.error());
    REQUIRE(in.ok());
    REQUIRE(in.remaining() == 0);
    const std::string printed = print_message(version, *info, h.message, {.verbatim = true});
    CAPTURE(printed.substr(0, 2000));
    REQUIRE(Json::parse(printed) == v["json"]);
    Writer out;
    encode_message(out, version, *info, h.message);
    REQUIRE(out.ok());
    REQUIRE(to_hex(out.finish().to_iobuf().copy_string()) == v["hex"].get<std::string>());
    // Every truncation of a short vector is refused, and a sample of a long one's.
    const std::size_t step = bytes.size() <= 300 ? 1 : bytes.size() / 40;
    for (std::size_t n = 0; n < bytes.size(); n += step) {
        CAPTURE(n);
        REQUIRE_FALSE(decodes(*info, version, bytes.substr(0, n)));
    }
}

// Lines read, or 0 when the file is not one of messages.
std::size_t check_file(const std::string& path) {
    const auto lines = test::gz_lines(path);
    REQUIRE(lines.has_value());
    std::size_t n = 0;
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        if (!v.contains("schema") || !v.contains("hex") || !v.contains("json") ||
            v.contains("header"))
            continue;
        check_vector(v);
        ++n;
    }
    return n;
}
}  // namespace

TEST_CASE("wire: every vector decodes to the values and encodes to the bytes", "[wire]") {
    std::size_t n = 0;
    for (const auto& path : test::files_in(FL_GOLDEN, ".jsonl.gz")) n += check_file(path);
    CHECK(n == 7321);
}

TEST_CASE("wire: all vectors of shared/kafka-protocol, where it is at hand", "[wire]") {
    const char* named = std::getenv("FL_VECTORS");
    const auto files = test::files_in(named != nullptr ? named : FL_VECTORS, ".jsonl.gz");
    if (files.empty()) {
        std::puts(
            "skipped: shared/kafka-protocol/vectors is not here; those of tests/wire_golden were "
            "read");
        return;
    }
    std::size_t n = 0;
    for (const auto& path : files) n += check_file(path);
    std::printf("read %zu vectors of %zu files\n", n, files.size());
    CHECK(n > 7000);
}
