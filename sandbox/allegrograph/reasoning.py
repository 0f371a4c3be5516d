"""Reasoning by RDFS++: a copy of a mirror with everything that follows from its triples."""

import copy
from collections.abc import Iterator

from pyoxigraph import NamedNode, Quad, QueryTriples, Store, Triple

from sandbox.allegrograph.mirror import PRIVATE, Mirror

_GRAPH = NamedNode(PRIVATE + "inferred")
_PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
}
# The predicates that AllegroGraph's own page on RDFS++ lists, each with what it means.
_RULES = (
    "construct { ?x a ?c } { ?x a ?b . ?b rdfs:subClassOf ?c }",
    "construct { ?a rdfs:subClassOf ?c } { ?a rdfs:subClassOf ?b . ?b rdfs:subClassOf ?c }",
    "construct { ?x ?q ?y } { ?p rdfs:subPropertyOf ?q . ?x ?p ?y }",
    "construct { ?p rdfs:subPropertyOf ?r } { ?p rdfs:subPropertyOf ?q . ?q rdfs:subPropertyOf ?r }",
    "construct { ?x a ?c } { ?p rdfs:domain ?c . ?x ?p ?y }",
    "construct { ?y a ?c } { ?p rdfs:range ?c . ?x ?p ?y }",
    "construct { ?y ?q ?x } { ?p owl:inverseOf ?q . ?x ?p ?y }",
    "construct { ?y ?p ?x } { ?p owl:inverseOf ?q . ?x ?q ?y }",
    "construct { ?x ?p ?z } { ?p a owl:TransitiveProperty . ?x ?p ?y . ?y ?p ?z }",
    "construct { ?y owl:sameAs ?x } { ?x owl:sameAs ?y }",
    "construct { ?y ?p ?z } { ?x owl:sameAs ?y . ?x ?p ?z }",
    "construct { ?z ?p ?y } { ?x owl:sameAs ?y . ?z ?p ?x }",
)


def inferred(mirror: Mirror) -> Mirror:
    """A mirror with what follows besides what is there; a triple that is there is not there once more."""
    result = copy.copy(mirror)
    result.store = Store()
    result.store.bulk_extend(iter(mirror.store))
    # The inferred triples are in the default graph, and in no graph that has a name.
    result._base_defaults = [*mirror._base_defaults, str(_GRAPH)]
    while new := set(_following(result.store)):
        result.store.extend(Quad(each.subject, each.predicate, each.object, _GRAPH) for each in new)
    return result


def _following(store: Store) -> Iterator[Triple]:
    for rule in _RULES:
        found = store.query(rule, prefixes=_PREFIXES, use_default_graph_as_union=True)
        assert isinstance(found, QueryTriples)
        for triple in found:
            subject, predicate, object_ = triple
            if next(store.quads_for_pattern(subject, predicate, object_, None), None) is None:
                yield triple
