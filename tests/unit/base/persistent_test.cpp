#include "core/base/persistent.h"

#include <map>
#include <string>

#include "core/base/random.h"
#include "tests/support/catch.h"

namespace faultline {
namespace {

// Counts how often one of it is copied.
struct Counted {
    int value = 0;
    static inline int copies = 0;

    Counted() = default;
    explicit Counted(int v) : value(v) {}
    Counted(const Counted& o) : value(o.value) { ++copies; }
    Counted(Counted&&) = default;
    Counted& operator=(const Counted& o) {
        value = o.value;
        ++copies;
        return *this;
    }
    Counted& operator=(Counted&&) = default;
    ~Counted() = default;
};

template <class Fn>
int copies_of(Fn fn) {
    const int before = Counted::copies;
    fn();
    return Counted::copies - before;
}
}  // namespace

TEST_CASE("persistent: a map reads as std::map, and its copies stay what they were") {
    Rng rng(7);
    SharedMap<int, std::string> map;
    std::map<int, std::string> model;
    std::vector<std::pair<SharedMap<int, std::string>, std::map<int, std::string>>> kept;
    for (int step = 0; step < 5000; ++step) {
        // It fills up, and then it empties.
        const int key = static_cast<int>(rng.below(600));
        const bool grows = step < 3000 ? !rng.chance(1, 3) : rng.chance(1, 5);
        if (grows) {
            map.set(key, std::to_string(step));
            model[key] = std::to_string(step);
        } else {
            REQUIRE(map.erase(key) == (model.erase(key) > 0));
        }
        if (std::string* text = map.write(key + 1)) {
            *text += "+";
            model.at(key + 1) += "+";
        }
        if (step % 500 == 0) kept.emplace_back(map, model);
    }
    kept.emplace_back(map, model);
    for (const auto& [shared, wanted] : kept) {
        REQUIRE(shared.size() == wanted.size());
        auto it = wanted.begin();
        for (const auto& [key, value] : shared) {
            REQUIRE(key == it->first);
            REQUIRE(value == it->second);
            REQUIRE(shared.contains(key));
            ++it;
        }
        REQUIRE(it == wanted.end());
        REQUIRE(shared.get(-1) == nullptr);
        REQUIRE(shared.get(1000) == nullptr);
    }
}

TEST_CASE("persistent: a map is empty again when all is gone") {
    SharedMap<int, int> map;
    for (int i = 0; i < 300; ++i) map.set(i, i);
    for (int i = 299; i >= 0; --i) CHECK(map.erase(i));
    CHECK(map.empty());
    CHECK(map.begin() == map.end());
    CHECK(!map.erase(1));
    map.set(5, 6);
    CHECK(*map.get(5) == 6);
}

TEST_CASE("persistent: a vector reads as std::vector, and its copies stay what they were") {
    SharedVector<int> v;
    v.grow(100);
    for (std::size_t i = 0; i < 100; ++i) v.write(i) = static_cast<int>(i);
    const SharedVector<int> before = v;
    v.write(17) = -1;
    v.emplace_back() = 100;
    CHECK(before.size() == 100);
    CHECK(before[17] == 17);
    CHECK(v.size() == 101);
    CHECK(v[17] == -1);
    CHECK(v[16] == 16);
    CHECK(v[100] == 100);
    CHECK(!(before == v));
    int sum = 0;
    for (const int x : before) sum += x;
    CHECK(sum == 4950);
}

TEST_CASE("persistent: a list of single elements takes them in and out anywhere") {
    SharedVector<int, 1> list;
    list.insert(0, 2);
    list.insert(0, 1);
    list.insert(2, 3);
    const auto before = list;
    list.erase(1);
    CHECK(list.size() == 2);
    CHECK(list[1] == 3);
    CHECK(before[1] == 2);
}

TEST_CASE("persistent: what a copy and a change cost does not grow with the size") {
    for (const int size : {1'000, 100'000}) {
        SharedMap<int, Counted> map;
        SharedVector<Counted> vector;
        for (int i = 0; i < size; ++i) {
            map.set(i, Counted(i));
            vector.emplace_back().value = i;
        }
        const auto old_map = map;
        const auto old_vector = vector;
        CHECK(copies_of([&] { const auto copy = map; }) == 0);
        CHECK(copies_of([&] { const auto copy = vector; }) == 0);
        const int in_map = copies_of([&] { map.write(size / 2)->value = -1; });
        CHECK(in_map > 0);
        CHECK(std::cmp_less_equal(in_map, decltype(map)::kMost));
        const int in_vector =
            copies_of([&] { vector.write(static_cast<std::size_t>(size) / 2).value = -1; });
        CHECK(in_vector == 16);
        // Nobody shares these any more.
        CHECK(copies_of([&] { map.write(size / 2)->value = -2; }) == 0);
        CHECK(old_map.get(size / 2)->value == size / 2);
        CHECK(old_vector[static_cast<std::size_t>(size) / 2].value == size / 2);
    }
}
}  // namespace faultline
