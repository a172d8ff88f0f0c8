"""Random policy documents, for the property of every remedy: no other principal gains by it."""

from hypothesis import strategies as st


def some(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)


@st.composite
def conditions(draw, lines, most):
    """A Condition of lines, each of operators, a key and values to choose from."""
    block = {}
    for operators, key, values in draw(st.lists(st.sampled_from(lines), max_size=most)):
        block.setdefault(draw(st.sampled_from(operators)), {})[key] = draw(some(values))
    return block


def documents(principals, actions, lines, most=2):
    """Trust policies of up to three statements, most of which allow."""
    statement = {
        "Effect": st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
        "Principal": st.sampled_from(principals),
        "Action": st.sampled_from(actions),
        "Condition": conditions(lines, most),
    }
    listed = st.lists(st.fixed_dictionaries(statement), max_size=3)
    return listed.map(lambda each: {"Version": "2012-10-17", "Statement": each})
