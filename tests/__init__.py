"""The tests, in the same rooms as what they test. Helpers lie beside the tests that use them."""
