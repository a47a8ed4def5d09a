"""Finding the humanoid roles of any rig: names, tree shape and symmetry weighed together.

    find        the search over the whole tree
    names       what each joint's name says (data: role_names.json)
    shape       arc lengths, ancestors, body scale
    limbs       the best arm and leg below every joint
    whole_body  which limbs are legs and arms, where they meet, which side is which
    loose_ends  feet and hands that hang outside their limb
    trunk       spine, neck, head, face
    fingers     fingers
    twists      twist joints
    mirror      sides of a body that is seen in a mirror
    confidence  how sure, why, and what else it might have been
    overrides   what the user says instead

The role names are `workers.contract.roles`; a new naming is words in role_names.json and nothing else.
"""
