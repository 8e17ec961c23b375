// Record batches against Kafka's own reading of them, and what its leader makes of them.
#include <nlohmann/json.hpp>

#include "core/base/crc32c.h"
#include "core/base/random.h"
#include "core/wire/murmur2.h"
#include "core/wire/record_batch.h"
#include "tests/support/catch.h"
#include "tests/support/gz_lines.h"

using namespace faultline;
using namespace faultline::wire;
using faultline::test::from_hex;
using Json = nlohmann::json;

namespace {

std::string base64(Bytes b) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < b.size(); i += 3) {
        std::uint32_t group = 0;
        const std::size_t n = std::min<std::size_t>(3, b.size() - i);
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (k < n ? std::to_integer<std::uint32_t>(b[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            out += k <= n ? alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

Json text_or_null(const std::optional<Bytes>& b) { return b ? Json(base64(*b)) : Json(nullptr); }

// The batches of a good vector are read as Kafka reads them.
void check_batches(const Json& v) {
    const IoBuf all = IoBuf::copy_of(as_bytes(from_hex(v["hex"])));
    const auto parts = split_batches(all);
    CAPTURE(v["case"].get<std::string>());
    REQUIRE(parts.size() == v["batches"].size());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const Json& b = v["batches"][i];
        auto reader = RecordReader::open(parts[i]);
        REQUIRE(reader.ok());
        const BatchHeader& h = reader->header();
        CHECK(h.base_offset == b["baseOffset"].get<std::int64_t>());
        CHECK(h.last_offset() == b["lastOffset"].get<std::int64_t>());
        CHECK(h.crc == b["crc"].get<std::uint32_t>());
        CHECK(to_string(h.codec()) == b["compression"].get<std::string>());
        CHECK(h.max_timestamp == b["maxTimestamp"].get<std::int64_t>());
        CHECK(h.leader_epoch == b["partitionLeaderEpoch"].get<std::int32_t>());
        CHECK(h.producer_id == b["producerId"].get<std::int64_t>());
        CHECK(h.producer_epoch == b["producerEpoch"].get<std::int16_t>());
        CHECK(h.base_sequence == b["baseSequence"].get<std::int32_t>());
        CHECK(h.transactional() == b["transactional"].get<bool>());
        CHECK(h.control() == b["control"].get<bool>());
        for (const Json& r : b["records"]) {
            const auto next = reader->next();
            REQUIRE(next.ok());
            REQUIRE(next->has_value());
            const RecordView& view = **next;
            CHECK(view.offset == r["offset"].get<std::int64_t>());
            CHECK(view.timestamp == r["timestamp"].get<std::int64_t>());
            CHECK(text_or_null(view.key) == r["key"]);
            CHECK(text_or_null(view.value) == r["value"]);
        }
        const auto end = reader->next();
        REQUIRE(end.ok());
        CHECK_FALSE(end->has_value());
        bytes += parts[i].size();
    }
    CHECK(all.size() - bytes == v["trailingBytes"].get<std::size_t>());
}
}  // namespace

TEST_CASE("batches: read as Kafka reads them, refused where it refuses", "[batch]") {
    const auto lines = test::gz_lines(FL_GOLDEN "/batches/record-batches.jsonl.gz");
    REQUIRE(lines.has_value());
    int good = 0, bad = 0;
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        const auto name = v["case"].get<std::string>();
        if (name.starts_with("old-")) continue;  // formats 0 and 1 are refused by Produce
        if (v["result"] == "ok") {
            check_batches(v);
            ++good;
            continue;
        }
        CAPTURE(name);
        bool refused = false;
        const IoBuf all = IoBuf::copy_of(as_bytes(from_hex(v["hex"])));
        const auto parts = split_batches(all);
        refused = parts.empty();
        for (const IoBuf& part : parts) {
            auto reader = RecordReader::open(part);
            refused = refused || !reader.ok();
            while (!refused) {
                const auto next = reader->next();
                if (next.ok() && !next->has_value()) break;
                refused = !next.ok();
            }
        }
        CHECK(refused);
        ++bad;
    }
    CHECK(good > 60);
    CHECK(bad > 20);
}

TEST_CASE("batches: a leader accepts, changes and refuses as Kafka does", "[batch]") {
    const auto lines = test::gz_lines(FL_GOLDEN "/batches/record-appends.jsonl.gz");
    REQUIRE(lines.has_value());
    int checked = 0;
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        // We never compress on the broker: compression.type other than producer does not act.
        if (v["compression.type"] != "producer") continue;
        CAPTURE(v.dump().substr(0, 200));
        AppendRules rules{.log_append_time = v["message.timestamp.type"] == "LogAppendTime",
                          .compacted = v["cleanup.policy"] == "compact",
                          .before_max_ms = 3'600'000,
                          .after_max_ms = 3'600'000,
                          .max_message_bytes = 10'000};
        CheckedBatch out;
        const IoBuf in = IoBuf::copy_of(as_bytes(from_hex(v["in"])));
        const auto refusal = check_produce(in, rules, WallTime{1'700'000'000'050}, out);
        REQUIRE((refusal ? std::string(to_string(refusal->error)) : "ok") ==
                v["result"].get<std::string>());
        if (refusal) {
            if (v.contains("recordErrors")) CHECK(Json(refusal->bad_records) == v["recordErrors"]);
        } else {
            // The log stamps offset and epoch, which the CRC does not cover.
            BatchHeader h = out.header;
            h.base_offset = 500;
            h.leader_epoch = 9;
            std::string bytes = out.bytes.copy_string();
            write_batch_header(h, {reinterpret_cast<std::byte*>(bytes.data()), kBatchHeader});
            CHECK(test::to_hex(bytes) == v["out"].get<std::string>());
            CHECK(out.log_append_time == v["logAppendTimeMs"].get<std::int64_t>());
        }
        ++checked;
    }
    CHECK(checked > 80);
}

TEST_CASE("batches: what the builder makes is read back, with every codec", "[batch]") {
    for (const Codec codec : {Codec::none, Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
        Rng rng(7);
        BatchBuilder builder;
        std::vector<std::pair<std::optional<std::string>, std::optional<std::string>>> model;
        for (int i = 0; i < 200; ++i) {
            const auto text = [&]() -> std::optional<std::string> {
                if (rng.chance(1, 8)) return std::nullopt;
                return std::string(rng.below(700), static_cast<char>('a' + rng.below(26)));
            };
            auto key = text();
            auto value = text();
            model.emplace_back(key, value);
            builder.add(1000 + i * 7 % 13, key ? std::optional{as_bytes(*key)} : std::nullopt,
                        value ? std::optional{as_bytes(*value)} : std::nullopt,
                        {{"h", "x"}, {"n", std::nullopt}});
        }
        builder.set_producer(5, 1, 2147483600);
        const IoBuf batch = builder.finish(codec);
        CheckedBatch checked;
        REQUIRE_FALSE(check_produce(batch, {}, WallTime{1000}, checked).has_value());
        auto reader = RecordReader::open(batch);
        REQUIRE(reader.ok());
        for (std::size_t i = 0; i < model.size(); ++i) {
            const auto next = reader->next();
            REQUIRE((next.ok() && next->has_value()));
            REQUIRE((*next)->key.has_value() == model[i].first.has_value());
            if (model[i].first) REQUIRE(as_text(*(*next)->key) == *model[i].first);
            if (model[i].second) REQUIRE(as_text(*(*next)->value) == *model[i].second);
            REQUIRE((*next)->headers == 2);
        }
        // Every cut of a compressed batch is refused, never a crash.
        for (std::size_t n = 0; n < batch.size(); n += 97) {
            CHECK_FALSE(RecordReader::open(batch.sub(0, n)).ok());
        }
    }
}

TEST_CASE("batches: one in many parts is read alike, and is not copied whole", "[batch]") {
    BatchBuilder builder;
    std::vector<std::string> values;
    for (int i = 0; i < 100; ++i) {
        values.emplace_back(static_cast<std::size_t>(i * 7 % 90), static_cast<char>('a' + i % 26));
        builder.add(1000 + i, std::nullopt, as_bytes(values.back()));
    }
    const Slice whole = builder.finish(Codec::none).coalesce_copy();
    for (const std::size_t step : {1, 2, 3, 7, 64, 1000}) {
        CAPTURE(step);
        IoBuf parts;
        for (std::size_t i = 0; i < whole.size(); i += step) {
            parts.append(Slice::copy_of(whole.sub(i, std::min(step, whole.size() - i)).bytes()));
        }
        CheckedBatch checked;
        REQUIRE_FALSE(check_produce(parts, {}, WallTime{1000}, checked).has_value());
        REQUIRE(checked.bytes.parts().size() == parts.parts().size());
        CHECK(checked.bytes.parts()[0].bytes().data() == parts.parts()[0].bytes().data());
        auto reader = RecordReader::open(parts);
        REQUIRE(reader.ok());
        std::vector<RecordView> views;  // all stay valid while the reader lives
        for (std::size_t i = 0; i < values.size(); ++i) {
            auto next = reader->next();
            REQUIRE((next.ok() && next->has_value()));
            views.push_back(**next);
        }
        const auto end = reader->next();
        REQUIRE((end.ok() && !end->has_value()));
        for (std::size_t i = 0; i < values.size(); ++i) {
            REQUIRE(as_text(*views[i].value) == values[i]);
        }
        CHECK_FALSE(RecordReader::open(parts.sub(0, parts.size() - 1)).ok());
    }
}

TEST_CASE("compression: a bomb is refused before it explodes", "[batch]") {
    const std::string zeros(4 << 20, '\0');
    for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
        const Slice packed = compress(codec, as_bytes(zeros));
        CHECK(decompress(codec, packed.bytes(), 1 << 20).code() == Errc::too_large);
        REQUIRE(decompress(codec, packed.bytes()).ok());
        CHECK(decompress(codec, packed.bytes())->size() == zeros.size());
        Rng rng(3);
        for (int i = 0; i < 300; ++i) {
            std::string damaged(as_text(packed.bytes()).substr(0, 2000));
            damaged[rng.below(damaged.size())] = static_cast<char>(rng.next());
            (void)decompress(codec, as_bytes(damaged), 1 << 20).ok();  // any answer but a crash
        }
    }
}

TEST_CASE("murmur2 and CRC-32C: Kafka's own answers", "[hash]") {
    const auto lines = test::gz_lines(FL_GOLDEN "/batches/hashes.jsonl.gz");
    REQUIRE(lines.has_value());
    int murmurs = 0, crcs = 0, partitions = 0;
    for (const std::string& line : *lines) {
        const Json v = Json::parse(line);
        if (v["kind"] != "murmur2" && v["kind"] != "crc32c") continue;
        const std::string bytes = from_hex(v["bytes"]);
        if (v["kind"] == "murmur2") {
            CHECK(static_cast<std::int32_t>(murmur2(as_bytes(bytes))) ==
                  v["hash"].get<std::int32_t>());
            ++murmurs;
            for (const auto& [count, partition] : v["partition"].items()) {
                CHECK(partition_of_key(as_bytes(bytes), std::stoi(count)) ==
                      partition.get<std::int32_t>());
                ++partitions;
            }
        } else if (v["kind"] == "crc32c") {
            CHECK(crc32c(as_bytes(bytes)) == v["crc"].get<std::uint32_t>());
            ++crcs;
        }
    }
    CHECK(murmurs > 10);
    CHECK(crcs > 10);
    CHECK(partitions > 10);
}
