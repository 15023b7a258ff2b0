{% set x = 'a' %}SELECT {{ x }}  from t
