#!/usr/bin/python3
"""What load.judge must see, and what it must not: histories made by hand."""
import types
import unittest

import load


def foreign(sent, acked):
    return types.SimpleNamespace(name='a', sent=sent, acked=acked)


def own(sent, all_acked=True):
    return types.SimpleNamespace(name='own', sent=sent, all_acked=all_acked)


class Judge(unittest.TestCase):
    def found(self, records, acked=None, sent=3, own_clients=()):
        found = load.judge([foreign(sent, acked or {})], list(own_clients), records)
        return {k: v for k, v in found._asdict().items() if v and k != 'examples'}

    def test_a_good_history_is_good(self):
        self.assertEqual(self.found([(0, 0, 'a:0'), (0, 1, 'a:2'), (1, 0, 'a:1')], {0: (0, 0), 1: (1, 0), 2: (0, 1)}), {})

    def test_what_was_not_acknowledged_may_be_there_or_not(self):
        self.assertEqual(self.found([(0, 0, 'a:0')], {}), {})
        self.assertEqual(self.found([], {}), {})

    def test_a_lost_record_is_seen(self):
        self.assertEqual(self.found([(0, 0, 'a:0')], {0: (0, 0), 1: (0, 1)}), {'lost': 1})
        self.assertEqual(self.found([(0, 0, 'own:0')], own_clients=[own(2)]), {'lost': 1})

    def test_our_own_client_says_only_whether_all_were_acknowledged(self):
        self.assertEqual(self.found([(0, 0, 'own:0')], own_clients=[own(2, all_acked=False)]), {})

    def test_a_record_twice_is_seen(self):
        self.assertEqual(self.found([(0, 0, 'a:0'), (0, 1, 'a:0')], {0: (0, 0)}), {'duplicated': 1})
        self.assertEqual(self.found([(0, 0, 'a:0'), (1, 0, 'a:0')], {0: (0, 0)}), {'duplicated': 1})

    def test_another_order_is_seen(self):
        self.assertEqual(self.found([(0, 0, 'a:1'), (0, 1, 'a:0')], {}), {'reordered': 1})

    def test_a_record_at_another_place_is_seen(self):
        self.assertEqual(self.found([(0, 1, 'a:0')], {0: (0, 0)}), {'misplaced': 1})
        self.assertEqual(self.found([(0, 1, 'a:0')], {0: (0, -1)}), {})

    def test_a_record_of_nobody_is_seen(self):
        for value in ('a:3', 'b:0', 'nonsense'):
            self.assertEqual(self.found([(0, 0, value)], {}), {'foreign': 1})

    def test_silence_is_measured_from_the_fault_on(self):
        f = types.SimpleNamespace(times={0: [1.0, 9.0, 9.5, 10.25, 13.0, 13.5, 20.0]})
        self.assertEqual(load.Foreign.longest_silence(f, 0, 10.0), 6.5)
        self.assertEqual(load.Foreign.longest_silence(f, 0, 30.0), 0.0)


if __name__ == '__main__':
    unittest.main()
