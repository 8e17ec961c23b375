// Properties of the codec that vectors cannot show, over all messages at all versions.
#include <nlohmann/json.hpp>

#include "core/base/random.h"
#include "core/wire/arbitrary.h"
#include "core/wire/error_map.h"
#include "core/wire/message.h"
#include "gen/wire/api_versions_response.h"
#include "gen/wire/create_topics_request.h"
#include "gen/wire/errors.h"
#include "gen/wire/fetch_request.h"
#include "gen/wire/fetch_response.h"
#include "gen/wire/metadata_request.h"
#include "gen/wire/produce_request.h"
#include "gen/wire/sasl_authenticate_request.h"
#include "gen/wire/user_scram_credential_record.h"
#include "tests/support/catch.h"
#include "tests/support/gz_lines.h"
#include "tests/unit/wire/message_holder.h"

using namespace faultline;
using namespace faultline::wire;
using faultline::test::Holder;
using Json = nlohmann::json;

namespace {

IoBuf in_parts(const IoBuf& b, Rng& rng) {
    IoBuf out;
    for (std::size_t i = 0; i < b.size();) {
        const auto n = std::min<std::size_t>(b.size() - i, 1 + rng.below(9));
        out.append(Slice::copy_of(b.sub(i, n).coalesce_copy().bytes()));
        i += n;
    }
    return out;
}

template <class Message>
std::string hex(const Message& m, Version v) {
    Writer out;
    m.encode(out, v);
    if (!out.ok()) return std::string("refused: ") + out.error() + ": " + out.error_field();
    return test::to_hex(out.finish().to_iobuf().copy_string());
}

void round_trip(const MessageInfo& info, Version version, Rng& rng) {
    CAPTURE(info.body.name);
    CAPTURE(version.v);
    const Holder made(info), read(info);
    arbitrary_message(rng, version, info, made.message);
    Writer out;
    encode_message(out, version, info, made.message);
    CAPTURE(out.ok() ? "" : out.error());
    CAPTURE(out.ok() ? "" : out.error_field());
    REQUIRE(out.ok());
    const std::size_t size = out.size();
    const Encoded encoded = out.finish();
    const IoBuf bytes = encoded.to_iobuf();
    REQUIRE(bytes.size() == size);
    // Read from parts of a few bytes into a message that was used before.
    arbitrary_message(rng, version, info, read.message);
    const IoBuf parts = in_parts(bytes, rng);
    Reader in(parts);
    decode_message(in, version, info, read.message);
    CAPTURE(in.ok() ? "" : in.error());
    REQUIRE(in.ok());
    REQUIRE(in.remaining() == 0);
    REQUIRE(equal_messages(info, made.message, read.message));
    if (bytes.empty()) return;
    const Holder cut(info);
    const IoBuf shorter = bytes.sub(0, rng.below(bytes.size()));
    Reader truncated(shorter);
    decode_message(truncated, version, info, cut.message);
    REQUIRE_FALSE(truncated.ok());
}
}  // namespace

TEST_CASE("codec: decode(encode(x)) == x for every message at every version", "[codec]") {
    Rng root(20261120);
    std::size_t n = 0;
    for (const MessageInfo* info : all_messages()) {
        for (std::int16_t v = info->valid.low; v <= info->valid.high; ++v) {
            for (std::uint64_t i = 0; i < 4; ++i, ++n) {
                Rng rng = root.fork(info->body.name).fork(static_cast<std::uint64_t>(v) * 100 + i);
                round_trip(*info, {v}, rng);
            }
        }
    }
    CHECK(n == 4 * 728);  // versions of all messages
    CHECK(all_messages().size() == 272);
}

TEST_CASE("codec: a field that this version lacks must be at its default or ignorable", "[codec]") {
    MetadataRequest metadata;
    metadata.topics.emplace();
    CHECK(hex(metadata, {0}) == "00000000");
    metadata.allow_auto_topic_creation = false;  // version 4 and later, not ignorable
    CHECK(hex(metadata, {0}) ==
          "refused: the field is set, and this version does not have it: allowAutoTopicCreation");
    CHECK(hex(metadata, {4}) == "0000000000");
    metadata.allow_auto_topic_creation = true;
    metadata.topics.reset();
    CHECK(hex(metadata, {0}) == "refused: null cannot be written at this version: topics");
    CHECK(hex(metadata, {1}) == "ffffffff");

    FetchRequest fetch;
    fetch.rack_id = "r1";  // version 11 and later, ignorable
    CHECK_FALSE(hex(fetch, {4}).starts_with("refused"));
    CHECK(hex(fetch, {3}) == "refused: the message has no such version: FetchRequest");
}

TEST_CASE("codec: unknown tags are kept, written back in order, and refused without tags",
          "[codec]") {
    // ApiVersions 3: no error, no keys, no throttling; tags 2 (known), 9 and 300 (unknown).
    const std::string bytes = test::from_hex(
        "0000010000000003"
        "020101"
        "0902beef"
        "ac0200");
    const IoBuf buf = IoBuf::copy_of(as_bytes(bytes));
    ApiVersionsResponse m;
    Reader in(buf);
    m.decode(in, {3});
    REQUIRE(in.ok());
    REQUIRE(m.unknown_tags.size() == 2);
    CHECK(m.unknown_tags[0].tag == 9);
    CHECK(m.unknown_tags[1].tag == 300);
    m.finalized_features.push_back({});
    CHECK(hex(m, {3}) ==
          "0000010000000003"
          "020702010000000000"
          "0902beef"
          "ac0200");
    CHECK(hex(m, {2}).starts_with("refused"));
    m.unknown_tags.push_back({2, {}});
    CHECK(hex(m, {3}) == "refused: two tagged fields have one tag: ApiVersionsResponse");
}

TEST_CASE("codec: lengths that lie cost nothing", "[codec]") {
    const auto refused = [](const char* text, Version v) {
        const IoBuf buf = IoBuf::copy_of(as_bytes(test::from_hex(text)));
        FetchResponse m;
        Reader in(buf);
        m.decode(in, v);
        return !in.ok();
    };
    CHECK(refused("000000000000000000007fffffff", {7}));           // two thousand million topics
    CHECK(refused("0000000000000000000080000000", {7}));           // below zero: null where none is
    CHECK(refused("00000000000000000000ffffffff0f", {12}));        // a compact length of 4 GiB
    CHECK(refused("0000000000000000000001ffffffff0f", {12}));      // as many tags
    CHECK(refused("000000000000000000000180808080808000", {12}));  // a varint without an end
}

TEST_CASE("codec: a hole for bytes elsewhere counts in every length", "[codec]") {
    ProduceRequest m;
    m.topic_data.emplace_back();
    m.topic_data[0].name = "t";
    m.topic_data[0].partition_data.emplace_back();
    m.topic_data[0].partition_data[0].records = External{42, 1000};
    Writer out;
    m.encode(out, {9});
    REQUIRE(out.ok());
    const std::size_t size = out.size();
    const Encoded e = out.finish();
    REQUIRE(e.parts.size() == 3);
    CHECK(std::get<External>(e.parts[1]) == External{42, 1000});
    std::size_t sum = 0;
    for (const auto& part : e.parts) {
        const auto* slice = std::get_if<Slice>(&part);
        sum += slice != nullptr ? slice->size() : std::get<External>(part).length;
    }
    CHECK(sum == size);
    CHECK(e.size == size);
}

TEST_CASE("codec: payload is shared, not copied", "[codec]") {
    ProduceRequest m;
    m.topic_data.emplace_back().partition_data.emplace_back();
    const IoBuf payload = IoBuf::copy_of(as_bytes(std::string(5000, 'x')));
    m.topic_data[0].partition_data[0].records = payload;
    Writer out;
    m.encode(out, {9});
    const IoBuf bytes = out.finish().to_iobuf();
    bool shared = false;
    for (const Slice& s : bytes.parts()) {
        shared = shared || s.bytes().data() == payload.parts()[0].bytes().data();
    }
    CHECK(shared);
    ProduceRequest back;
    Reader in(bytes);
    back.decode(in, {9});
    REQUIRE(in.ok());
    CHECK(back.topic_data[0].partition_data[0].records.bytes().parts()[0].bytes().data() ==
          payload.parts()[0].bytes().data());
}

TEST_CASE("print: what is sensitive is hidden, bytes are counted", "[codec]") {
    SaslAuthenticateRequest sasl;
    sasl.auth_bytes = IoBuf::copy_of(as_bytes("secret"));
    CHECK(sasl.print({0}) == R"({"authBytes":"<hidden>"})");
    CHECK(print_message({0}, SaslAuthenticateRequest::info(), &sasl, {.verbatim = true}) ==
          R"({"authBytes":"c2VjcmV0"})");
    UserScramCredentialRecord scram;
    scram.name = "al\"ice\n";
    CHECK(scram.print({0}).find("\"salt\":\"<hidden>\"") != std::string::npos);
    CHECK(scram.print({0}).find(R"("name":"al\"ice\u000a")") != std::string::npos);
    ProduceRequest produce;
    produce.topic_data.emplace_back().partition_data.emplace_back().records =
        IoBuf::copy_of(as_bytes("abc"));
    CHECK(produce.print({3}).find("\"records\":\"<3 bytes>\"") != std::string::npos);
}

TEST_CASE("equality: one field more or less is seen", "[codec]") {
    Rng rng(5);
    for (int i = 0; i < 50; ++i) {
        const auto a = arbitrary<CreateTopicsRequest>(rng, {7});
        auto b = a;
        REQUIRE(a == b);
        b.timeout_ms ^= 1;
        REQUIRE_FALSE(a == b);
        b = a;
        b.topics.emplace_back();
        REQUIRE_FALSE(a == b);
    }
}

TEST_CASE("varints and uuids: Kafka's own bytes", "[codec]") {
    const auto lines = test::gz_lines(FL_GOLDEN "/batches/hashes.jsonl.gz");
    REQUIRE(lines.has_value());
    int written = 0, read = 0;
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        const std::string kind = v["kind"];
        if (kind.find("varint") == std::string::npos && kind != "varlong" && kind != "uuid")
            continue;
        CAPTURE(line);
        const IoBuf bytes = IoBuf::copy_of(as_bytes(test::from_hex(v["bytes"])));
        Reader in(bytes);
        Writer out;
        if (kind == "unsigned-varint-read") {
            const std::uint32_t n = in.uvarint();
            REQUIRE(in.ok() == v.contains("value"));
            if (in.ok()) REQUIRE(n == v["value"].get<std::uint32_t>());
            ++read;
            continue;
        }
        if (kind == "uuid") {
            const Uuid id = in.uuid();
            REQUIRE(to_string(id) == v["text"].get<std::string>());
            out.uuid(id);
        } else if (kind == "varint") {
            const std::int32_t n = in.varint();
            REQUIRE(n == v["value"].get<std::int32_t>());
            out.varint(n);
        } else if (kind == "varlong") {
            const std::int64_t n = in.varlong();
            REQUIRE(n == v["value"].get<std::int64_t>());
            out.varlong(n);
        } else {
            const std::uint32_t n = in.uvarint();
            REQUIRE(n == static_cast<std::uint32_t>(v["value"].get<std::int64_t>()));
            out.uvarint(n);
        }
        REQUIRE(in.ok());
        REQUIRE(in.remaining() == 0);
        REQUIRE(out.finish().to_iobuf() == bytes);
        ++written;
    }
    CHECK(written > 80);
    CHECK(read == 7);
}

TEST_CASE("error_map: refusals a client must repeat are retriable", "[codec]") {
    CHECK(to_kafka_error(Errc::no_space) == KafkaError::kafka_storage_error);
    CHECK(to_kafka_error(Errc::io) == KafkaError::kafka_storage_error);
    CHECK(to_kafka_error(Errc::timed_out) == KafkaError::request_timed_out);
    for (const Errc code : {Errc::cancelled, Errc::timed_out, Errc::closed, Errc::unreachable,
                            Errc::no_space, Errc::io, Errc::busy, Errc::not_owner, Errc::fenced}) {
        CAPTURE(to_string(code));
        CHECK(is_retriable(to_kafka_error(code)));
    }
    CHECK_FALSE(is_retriable(to_kafka_error(Errc::invalid)));
    CHECK_FALSE(is_retriable(to_kafka_error(Errc::too_large)));
    CHECK(to_string(KafkaError::offset_out_of_range) == "OFFSET_OUT_OF_RANGE");
    CHECK(to_string(KafkaError{9999}) == "UNKNOWN");
}
