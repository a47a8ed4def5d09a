"""Quality over many files: the studies behind `retarget evaluate`.

    sweep               every motion onto every character
    truth               two characters with the same clips, each against the other's own
    copy_local          the other naive copy, by joint names
    contacts            foot contacts of labelled clips
    loops               clips that loop must still loop
    meaning             semantic scores of good results and of spoilt ones
    meaning_damage      the ways they are spoilt
    spoilt              whether the verdict sees what a person sees first
    spoilt_results      ten kinds of spoilt results
    spoilt_picture      what they look like
    exactness           surface scores by compiled queries against the exact ones
    refine_study        refinement: the table and the ablation, line by line
    refine_pairs        which clips on which characters
    refine_table        copy, analytic and refined results of a pair
    refine_figures      figures pooled over pairs, with intervals
    learned             networks beside them, on what none was trained on
    choices             two results of each clip for people to choose between
    choices_sheet       their blind sheets
    choices_told        what people chose, and which scores agree
    displacement        how far refinement moves what nothing asked it to move
    gradients           the renderer's gradients on sample bodies, as a table
    renderer_gradients  one of them against finite differences of finer pictures
    renderers           the own renderer beside pytorch3d: pictures, gradients, the eye's scores
    descent             arms turned back by the pictures' loss alone

The command line is `workers.lab.commands`; speed is `workers.lab.bench`.
"""
