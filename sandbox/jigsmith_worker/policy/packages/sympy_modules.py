"""What may be imported of the modules within sympy: what sympy itself offers, and what belongs to it. See `packages`."""

from collections.abc import Mapping
from typing import Final

SYMPY_MODULES: Final[Mapping[str, str]] = {
    "sympy.abc": """
        A B C D E F G H I J K L M N O P Q R S T U V W X Y Z a alpha b beta c chi d delta e epsilon eta f g gamma h i iota j k
        kappa l lamda m mu n nu o omega omicron p phi pi psi q r rho s sigma t tau theta u upsilon v w x xi y z zeta
    """,
    "sympy.algebras": "Quaternion",
    "sympy.assumptions": "AppliedPredicate AssumptionsContext Predicate Q ask assuming refine",
    "sympy.calculus": """
        AccumBounds apply_finite_diff differentiate_finite euler_equations finite_diff_weights is_convex is_decreasing
        is_increasing is_monotonic is_strictly_decreasing is_strictly_increasing maximum minimum not_empty_in periodicity
        singularities stationary_points
    """,
    "sympy.calculus.util": """
        continuous_domain function_range is_convex maximum minimum not_empty_in periodicity stationary_points
    """,
    "sympy.combinatorics": """
        AbelianGroup AlternatingGroup Cycle CyclicGroup DihedralGroup GrayCode IntegerPartition Partition Permutation
        PermutationGroup Polyhedron Prufer RGS_enum RGS_rank RGS_unrank Subset SymmetricGroup
    """,
    "sympy.combinatorics.permutations": "Cycle Permutation",
    "sympy.combinatorics.perm_groups": "PermutationGroup",
    "sympy.combinatorics.named_groups": "AbelianGroup AlternatingGroup CyclicGroup DihedralGroup SymmetricGroup",
    "sympy.concrete": "Product Sum product summation",
    "sympy.concrete.summations": "Sum summation",
    "sympy.concrete.products": "Product product",
    "sympy.core": """
        Add AlgebraicNumber Atom AtomicExpr Basic Catalan Derivative Dict Dummy E Eq Equality EulerGamma Expr Float Function Ge
        GoldenRatio GreaterThan Gt I Integer Lambda Le LessThan Lt Mod Mul N Ne Number NumberSymbol PoleError Pow
        PrecisionExhausted Rational RealNumber Rel S StrictGreaterThan StrictLessThan Subs Symbol SympifyError
        TribonacciConstant Tuple Unequality UnevaluatedExpr arity bottom_up check_assumptions comp count_ops default_sort_key
        diff evaluate expand expand_complex expand_func expand_log expand_mul expand_multinomial expand_power_base
        expand_power_exp expand_trig factor_nc factor_terms failing_assumptions gcd_terms igcd ilcm integer_log integer_nthroot
        mod_inverse nan nfloat num_digits oo ordered pi postorder_traversal preorder_traversal prod seterr symbols sympify
        trailing use vectorize zoo
    """,
    "sympy.core.add": "Add",
    "sympy.core.mul": "Mul prod",
    "sympy.core.power": "Pow",
    "sympy.core.symbol": "Dummy Symbol symbols",
    "sympy.core.function": """
        Derivative Function Lambda PoleError Subs arity count_ops diff expand expand_complex expand_func expand_log expand_mul
        expand_multinomial expand_power_base expand_power_exp expand_trig nfloat
    """,
    "sympy.core.numbers": """
        AlgebraicNumber E Float I Integer Number NumberSymbol Rational RealNumber comp igcd ilcm mod_inverse nan oo pi seterr
        zoo
    """,
    "sympy.core.relational": """
        Eq Equality Ge GreaterThan Gt Le LessThan Lt Ne Rel StrictGreaterThan StrictLessThan Unequality
    """,
    "sympy.core.expr": "AtomicExpr Expr UnevaluatedExpr",
    "sympy.core.basic": "Atom Basic",
    "sympy.core.singleton": "S",
    "sympy.discrete": """
        convolution covering_product fft fwht ifft ifwht intersecting_product intt inverse_mobius_transform mobius_transform ntt
    """,
    "sympy.functions": """
        Abs Chi Ci DiracDelta E1 Ei Eijk FallingFactorial Heaviside Id KroneckerDelta LambertW LeviCivita Li Max Min Piecewise
        Rem RisingFactorial Shi Si SingularityFunction Ynm Ynm_c Znm acos acosh acot acoth acsc acsch adjoint airyai airyaiprime
        airybi airybiprime andre appellf1 arg asec asech asin asinh assoc_laguerre assoc_legendre atan atan2 atanh bell
        bernoulli besseli besselj besselk bessely beta betainc betainc_regularized binomial bspline_basis bspline_basis_set
        carmichael catalan cbrt ceiling chebyshevt chebyshevt_root chebyshevu chebyshevu_root conjugate cos cosh cot coth csc
        csch digamma dirichlet_eta divisor_sigma elliptic_e elliptic_f elliptic_k elliptic_pi erf erf2 erf2inv erfc erfcinv erfi
        erfinv euler exp exp_polar expint factorial factorial2 ff fibonacci floor frac fresnelc fresnels gamma gegenbauer
        genocchi hankel1 hankel2 harmonic hermite hermite_prob hn1 hn2 hyper im interpolating_spline jacobi jacobi_normalized
        jacobi_symbol jn jn_zeros kronecker_symbol laguerre legendre legendre_symbol lerchphi li ln log loggamma lowergamma
        lucas marcumq mathieuc mathieucprime mathieus mathieusprime meijerg mobius motzkin multigamma partition
        periodic_argument piecewise_exclusive piecewise_fold polar_lift polarify polygamma polylog primenu primeomega primepi
        principal_branch re real_root reduced_totient rf riemann_xi root sec sech sign sin sinc sinh sqrt stieltjes subfactorial
        tan tanh totient transpose tribonacci trigamma unbranched_argument unpolarify uppergamma yn zeta
    """,
    "sympy.functions.elementary.exponential": "LambertW exp exp_polar log",
    "sympy.functions.elementary.trigonometric": "acos acot acsc asec asin atan atan2 cos cot csc sec sin sinc tan",
    "sympy.functions.elementary.hyperbolic": "acosh acoth acsch asech asinh atanh cosh coth csch sech sinh tanh",
    "sympy.functions.elementary.integers": "ceiling floor frac",
    "sympy.functions.elementary.miscellaneous": "Id Max Min Rem cbrt real_root root sqrt",
    "sympy.functions.elementary.complexes": """
        Abs adjoint arg conjugate im periodic_argument polar_lift polarify principal_branch re sign transpose
        unbranched_argument unpolarify
    """,
    "sympy.functions.elementary.piecewise": "Piecewise piecewise_exclusive piecewise_fold",
    "sympy.functions.combinatorial.factorials": """
        FallingFactorial RisingFactorial binomial factorial factorial2 ff rf subfactorial
    """,
    "sympy.functions.combinatorial.numbers": """
        andre bell bernoulli carmichael catalan divisor_sigma euler fibonacci genocchi harmonic jacobi_symbol kronecker_symbol
        legendre_symbol lucas mobius motzkin partition primenu primeomega primepi reduced_totient totient tribonacci
    """,
    "sympy.functions.special.gamma_functions": "digamma gamma loggamma lowergamma multigamma polygamma trigamma uppergamma",
    "sympy.functions.special.error_functions": """
        Chi Ci E1 Ei Li Shi Si erf erf2 erf2inv erfc erfcinv erfi erfinv expint fresnelc fresnels li
    """,
    "sympy.functions.special.delta_functions": "DiracDelta Heaviside",
    "sympy.functions.special.bessel": """
        airyai airyaiprime airybi airybiprime besseli besselj besselk bessely hankel1 hankel2 hn1 hn2 jn jn_zeros marcumq yn
    """,
    "sympy.functions.special.zeta_functions": "dirichlet_eta lerchphi polylog riemann_xi stieltjes zeta",
    "sympy.functions.special.polynomials": """
        assoc_laguerre assoc_legendre chebyshevt chebyshevt_root chebyshevu chebyshevu_root gegenbauer hermite hermite_prob
        jacobi jacobi_normalized laguerre legendre
    """,
    "sympy.geometry": """
        Circle Curve Ellipse GeometryError Line Line2D Line3D Parabola Plane Point Point2D Point3D Polygon Ray Ray2D Ray3D
        RegularPolygon Segment Segment2D Segment3D Triangle are_similar centroid closest_points convex_hull deg farthest_points
        idiff intersection rad
    """,
    "sympy.integrals": """
        CosineTransform FourierTransform HankelTransform Integral InverseCosineTransform InverseFourierTransform
        InverseHankelTransform InverseLaplaceTransform InverseMellinTransform InverseSineTransform LaplaceTransform
        MellinTransform SineTransform cosine_transform fourier_transform hankel_transform integrate inverse_cosine_transform
        inverse_fourier_transform inverse_hankel_transform inverse_laplace_transform inverse_mellin_transform
        inverse_sine_transform laplace_correspondence laplace_initial_conds laplace_transform line_integrate mellin_transform
        sine_transform singularityintegrate
    """,
    "sympy.integrals.integrals": "Integral integrate line_integrate",
    "sympy.integrals.transforms": """
        CosineTransform FourierTransform HankelTransform InverseCosineTransform InverseFourierTransform InverseHankelTransform
        InverseMellinTransform InverseSineTransform MellinTransform SineTransform cosine_transform fourier_transform
        hankel_transform inverse_cosine_transform inverse_fourier_transform inverse_hankel_transform inverse_mellin_transform
        inverse_sine_transform mellin_transform sine_transform
    """,
    "sympy.logic": """
        And Equivalent ITE Implies Nand Nor Not Or POSform SOPform Xor bool_map false satisfiable simplify_logic to_cnf to_dnf
        to_nnf true
    """,
    "sympy.logic.boolalg": """
        And Equivalent ITE Implies Nand Nor Not Or POSform SOPform Xor bool_map false simplify_logic to_cnf to_dnf to_nnf true
    """,
    "sympy.logic.inference": "satisfiable valid",
    "sympy.matrices": """
        Adjoint BlockDiagMatrix BlockMatrix DeferredVector Determinant DiagMatrix DiagonalMatrix DiagonalOf DotProduct
        FunctionMatrix GramSchmidt HadamardPower HadamardProduct Identity ImmutableDenseMatrix ImmutableMatrix
        ImmutableSparseMatrix Inverse KroneckerProduct MatAdd MatMul MatPow Matrix MatrixBase MatrixExpr MatrixPermute
        MatrixSlice MatrixSymbol MutableDenseMatrix MutableMatrix MutableSparseMatrix NonSquareMatrixError OneMatrix Permanent
        PermutationMatrix ShapeError SparseMatrix Trace Transpose ZeroMatrix banded block_collapse blockcut casoratian det diag
        diagonalize_vector eye hadamard_product hessian jordan_cell kronecker_product list2numpy matrix2numpy
        matrix_multiply_elementwise matrix_symbols ones per randMatrix rot_axis1 rot_axis2 rot_axis3 rot_ccw_axis1 rot_ccw_axis2
        rot_ccw_axis3 rot_givens symarray trace wronskian zeros
    """,
    "sympy.matrices.dense": """
        GramSchmidt Matrix MutableDenseMatrix MutableMatrix casoratian diag eye hessian jordan_cell list2numpy matrix2numpy
        matrix_multiply_elementwise ones randMatrix rot_axis1 rot_axis2 rot_axis3 rot_ccw_axis1 rot_ccw_axis2 rot_ccw_axis3
        rot_givens symarray wronskian zeros
    """,
    "sympy.matrices.immutable": "ImmutableDenseMatrix ImmutableMatrix ImmutableSparseMatrix",
    "sympy.matrices.expressions": """
        Adjoint BlockDiagMatrix BlockMatrix Determinant DiagMatrix DiagonalMatrix DiagonalOf DotProduct FunctionMatrix
        HadamardPower HadamardProduct Identity Inverse KroneckerProduct MatAdd MatMul MatPow MatrixExpr MatrixPermute
        MatrixSlice MatrixSymbol OneMatrix Permanent PermutationMatrix Trace Transpose ZeroMatrix block_collapse blockcut det
        diagonalize_vector hadamard_product kronecker_product matrix_symbols per trace
    """,
    "sympy.ntheory": """
        Sieve abundance binomial_coefficients binomial_coefficients_list composite compositepi continued_fraction
        continued_fraction_convergents continued_fraction_iterator continued_fraction_periodic continued_fraction_reduce
        count_digits cycle_length digits discrete_log divisor_count divisor_sigma divisors egyptian_fraction factor_cache
        factorint factorrat is_abundant is_amicable is_carmichael is_deficient is_mersenne_prime is_nthpow_residue
        is_palindromic is_perfect is_primitive_root is_quad_residue isprime jacobi_symbol legendre_symbol
        mersenne_prime_exponent mobius multinomial_coefficients multiplicity n_order nextprime npartitions nthroot_mod
        perfect_power pollard_pm1 pollard_rho prevprime prime primefactors primepi primerange primitive_root primorial
        proper_divisor_count proper_divisors quadratic_congruence quadratic_residues randprime reduced_totient sieve sqrt_mod
        sqrt_mod_iter totient
    """,
    "sympy.ntheory.factor_": """
        abundance core digits divisor_count divisor_sigma divisors factor_cache factorint factorrat is_abundant is_amicable
        is_carmichael is_deficient is_perfect mersenne_prime_exponent multiplicity perfect_power pollard_pm1 pollard_rho
        primefactors proper_divisor_count proper_divisors reduced_totient smoothness smoothness_p totient
    """,
    "sympy.ntheory.generate": """
        Sieve composite compositepi cycle_length nextprime prevprime prime primerange primorial randprime sieve
    """,
    "sympy.ntheory.primetest": "is_euler_pseudoprime is_mersenne_prime is_square is_strong_lucas_prp isprime mr",
    "sympy.ntheory.modular": "crt crt1 crt2 solve_congruence symmetric_residue",
    "sympy.ntheory.residue_ntheory": """
        discrete_log is_nthpow_residue is_primitive_root is_quad_residue n_order nthroot_mod primitive_root quadratic_congruence
        quadratic_residues sqrt_mod sqrt_mod_iter
    """,
    "sympy.physics": "units",
    "sympy.functions.combinatorial": "factorials numbers",
    "sympy.functions.elementary": "exponential",
    "sympy.functions.special": "bessel",
    "sympy.physics.units": """
        convert_to A Bq C D Da F G Gy H Hz J K L N R S T V W Wb Z0 acceleration acceleration_due_to_gravity action amount
        amount_of_substance ampere amperes amu amus angstrom angstroms angular_mil angular_mils anomalistic_year
        anomalistic_years area astronomical_unit astronomical_units atm atmosphere atmospheres atomic_mass_constant
        atomic_mass_unit atto au avogadro avogadro_constant avogadro_number bar bars becquerel bit bits boltzmann
        boltzmann_constant byte c cL candela candelas capacitance cd centi centiliter centiliters centimeter centimeters charge
        cl cm common_year common_years conductance coulomb coulomb_constant coulombs current dL dalton day days deca deci
        deciliter deciliters decimeter decimeters deg degree degrees dioptre dl dm draconic_year draconic_years e0 eV
        electric_constant electric_force_constant electron_rest_mass electronvolt electronvolts elementary_charge energy exa
        exbi exbibyte exbibytes farad faraday_constant farads feet femto foot force frequency ft full_moon_cycle
        full_moon_cycles g gaussian_year gaussian_years gee gees gibi gibibyte gibibytes giga gram grams gravitational_constant
        gray h ha hbar hectare hecto henry henrys hertz hour hours hz impedance inch inches inductance josephson_constant joule
        joules julian_year julian_years kPa kat katal kelvin kelvins kg kibi kibibyte kibibytes kilo kilogram kilograms
        kilometer kilometers km l length lightyear lightyears liter liters luminosity luminous_intensity lux lx ly m mL
        magnetic_constant magnetic_density magnetic_flux magnetic_flux_density mass me mebi mebibyte mebibytes mega meter meters
        metric_ton mg mho mhos mi micro microgram micrograms micrometer micrometers micron microns microsecond microseconds mil
        mile miles milli milli_mass_unit milligram milligrams milliliter milliliters millimeter millimeters millisecond
        milliseconds minute minutes ml mm mmHg mmu mmus mol molar_gas_constant mole moles momentum ms nano nanometer nanometers
        nanosecond nanoseconds nautical_mile nautical_miles newton newtons nm nmi ns ohm ohms optical_power pa pascal pascals
        pebi pebibyte pebibytes percent percents permille peta pico picometer picometers picosecond picoseconds planck
        planck_acceleration planck_angular_frequency planck_area planck_charge planck_current planck_density planck_energy
        planck_energy_density planck_force planck_impedance planck_intensity planck_length planck_mass planck_momentum
        planck_power planck_pressure planck_temperature planck_time planck_voltage planck_volume pm pound pounds power pressure
        ps psi quart quarts rad radian radians s second seconds sidereal_year sidereal_years siemens speed speed_of_light sr
        stefan stefan_boltzmann_constant steradian steradians t tebi tebibyte tebibytes temperature tera tesla teslas time tonne
        torr tropical_year tropical_years u0 ug um us v vacuum_impedance vacuum_permeability vacuum_permittivity velocity volt
        voltage volts volume von_klitzing_constant watt watts wb weber webers yard yards yd year years yocto yotta zepto zetta
        Pa
    """,
    "sympy.polys": """
        AlgebraicField BasePolynomialError CC CRootOf CoercionFailed ComplexField ComplexRootOf ComputationFailed Domain
        DomainError EX EXRAW EvaluationFailed ExactQuotientFailed ExpressionDomain ExtraneousFactors FF FF_gmpy FF_python
        FiniteField FlagError GF GMPYFiniteField GMPYIntegerRing GMPYRationalField GeneratorsError GeneratorsNeeded
        GroebnerBasis HeuristicGCDFailed HomomorphismFailed IntegerRing IsomorphismFailed LC LM LT Monomial
        MultivariatePolynomialError NotAlgebraic NotInvertible NotReversible OperationNotSupported OptionError
        PolificationFailed Poly PolynomialDivisionFailed PolynomialError PurePoly PythonFiniteField PythonIntegerRing
        PythonRational QQ QQ_I QQ_gmpy QQ_python RR RationalField RealField RefinementFailed RootOf RootSum UnificationFailed
        UnivariatePolynomialError ZZ ZZ_I ZZ_gmpy ZZ_python all_roots apart apart_list assemble_partfrac_list cancel
        chebyshevt_poly chebyshevu_poly cofactors compose construct_domain content count_roots cyclotomic_poly decompose degree
        degree_list discriminant div exquo factor factor_list field_isomorphism galois_group gcd gcd_list gcdex gff gff_list
        grevlex grlex groebner ground_roots half_gcdex hermite_poly hermite_prob_poly horner igrevlex igrlex ilex interpolate
        interpolating_poly intervals invert is_zero_dimensional isolate itermonomials jacobi_poly laguerre_poly lcm lcm_list
        legendre_poly lex minimal_polynomial minpoly monic nroots nth_power_roots_poly parallel_poly_from_expr pdiv pexquo poly
        poly_from_expr pquo prem prime_decomp prime_valuation primitive primitive_element quo random_poly rational_interpolate
        real_roots reduced refine_root rem resultant rootof roots round_two sqf sqf_list sqf_norm sqf_part sturm subresultants
        swinnerton_dyer_poly symmetric_poly symmetrize terms_gcd to_number_field together total_degree trunc viete
    """,
    "sympy.polys.polytools": """
        GroebnerBasis LC LM LT Poly PurePoly all_roots cancel cofactors compose content count_roots decompose degree degree_list
        discriminant div exquo factor factor_list gcd gcd_list gcdex gff gff_list groebner ground_roots half_gcdex intervals
        invert is_zero_dimensional lcm lcm_list monic nroots nth_power_roots_poly parallel_poly_from_expr pdiv pexquo poly
        poly_from_expr pquo prem primitive quo real_roots reduced refine_root rem resultant sqf sqf_list sqf_norm sqf_part sturm
        subresultants terms_gcd total_degree trunc
    """,
    "sympy.polys.polyroots": "roots",
    "sympy.polys.domains": """
        AlgebraicField CC ComplexField Domain EX EXRAW ExpressionDomain FF FF_gmpy FF_python FiniteField GF GMPYFiniteField
        GMPYIntegerRing GMPYRationalField IntegerRing PythonFiniteField PythonIntegerRing PythonRational QQ QQ_I QQ_gmpy
        QQ_python RR RationalField RealField ZZ ZZ_I ZZ_gmpy ZZ_python
    """,
    "sympy.polys.polyfuncs": "horner interpolate rational_interpolate symmetrize viete",
    "sympy.polys.partfrac": "apart apart_list assemble_partfrac_list",
    "sympy.polys.rationaltools": "together",
    "sympy.series.limits": "Limit limit",
    "sympy.series.order": "O Order",
    "sympy.series.sequences": "SeqAdd SeqFormula SeqMul SeqPer sequence",
    "sympy.sets": """
        Complement ComplexRegion ConditionSet Contains DisjointUnion EmptySet FiniteSet ImageSet Integers Intersection Interval
        Naturals Naturals0 OmegaPower Ordinal PowerSet ProductSet Range Rationals Reals Set SymmetricDifference Union
        UniversalSet imageset ord0
    """,
    "sympy.sets.sets": """
        Complement DisjointUnion FiniteSet Intersection Interval ProductSet Set SymmetricDifference Union imageset
    """,
    "sympy.sets.fancysets": "ComplexRegion ImageSet Range",
    "sympy.solvers": """
        Complexes check_assumptions checkodesol checkpdesol checksol classify_ode classify_pde decompogen det_quick diophantine
        dsolve factor_system failing_assumptions homogeneous_order inv_quick linear_eq_to_matrix linsolve nonlinsolve nsolve
        ode_order pde_separate pde_separate_add pde_separate_mul pdsolve reduce_abs_inequalities reduce_abs_inequality
        reduce_inequalities rsolve rsolve_hyper rsolve_poly rsolve_ratio solve solve_linear solve_linear_system
        solve_linear_system_LU solve_poly_inequality solve_poly_system solve_rational_inequalities solve_triangulated
        solve_undetermined_coeffs solve_univariate_inequality solveset substitution
    """,
    "sympy.solvers.solvers": """
        checksol det_quick inv_quick nsolve solve solve_linear solve_linear_system solve_linear_system_LU
        solve_undetermined_coeffs
    """,
    "sympy.solvers.ode": "checkodesol classify_ode dsolve homogeneous_order",
    "sympy.solvers.pde": "checkpdesol classify_pde pde_separate pde_separate_add pde_separate_mul pdsolve",
    "sympy.solvers.recurr": "rsolve rsolve_hyper rsolve_poly rsolve_ratio",
    "sympy.solvers.inequalities": """
        reduce_abs_inequalities reduce_abs_inequality reduce_inequalities solve_poly_inequality solve_rational_inequalities
        solve_univariate_inequality
    """,
    "sympy.stats": """
        Bernoulli Beta Binomial Coin Covariance Die DiscreteUniform E Expectation Exponential Gamma Geometric Normal P Poisson
        Probability Uniform Variance cdf characteristic_function correlation covariance density given kurtosis median moment
        moment_generating_function quantile skewness std variance where
    """,
    "sympy.tensor": """
        Array DenseNDimArray Idx ImmutableDenseNDimArray ImmutableSparseNDimArray Indexed IndexedBase MutableDenseNDimArray
        MutableSparseNDimArray NDimArray SparseNDimArray derive_by_array get_contraction_structure get_indices permutedims shape
        tensorcontraction tensordiagonal tensorproduct
    """,
    "sympy.tensor.array": """
        Array DenseNDimArray ImmutableDenseNDimArray ImmutableSparseNDimArray MutableDenseNDimArray MutableSparseNDimArray
        NDimArray SparseNDimArray derive_by_array permutedims tensorcontraction tensordiagonal tensorproduct
    """,
    "sympy.printing": """
        TableForm dotprint latex mathml multiline_latex pprint pprint_use_unicode pretty pretty_print print_latex pycode srepr
        sstr sstrrepr
    """,
    "sympy.utilities": """
        capture cartes dict_merge flatten group has_dups has_variety numbered_symbols postfixes prefixes reshape rotations sift
        take topological_sort unflatten variations
    """,
    "sympy.utilities.iterables": """
        binary_partitions bracelets capture cartes connected_components dict_merge flatten generate_bell generate_involutions
        group has_dups has_variety ibin is_palindromic kbins least_rotation minlex multiset multiset_combinations
        multiset_partitions multiset_permutations necklaces numbered_symbols ordered_partitions partitions permute_signs
        postfixes prefixes reshape rotate_left rotate_right rotations sift signed_permutations subsets take topological_sort
        unflatten uniq variations
    """,
    "sympy.utilities.lambdify": "lambdify",
    "sympy.core.sympify": "SympifyError sympify",
    "sympy.ntheory.continued_fraction": """
        continued_fraction continued_fraction_convergents continued_fraction_iterator continued_fraction_periodic
        continued_fraction_reduce
    """,
    "sympy.series": """
        EmptySequence Limit O Order SeqAdd SeqFormula SeqMul SeqPer approximants difference_delta fourier_series fps gruntz
        limit limit_seq residue sequence series
    """,
    "sympy.simplify": """
        EPath FU besselsimp collect collect_const combsimp cse denom epath exptrigsimp fraction fu gammasimp hyperexpand
        hypersimilar hypersimp kroneckersimp logcombine nsimplify numer posify powdenest powsimp radsimp ratsimp ratsimpmodprime
        rcollect separatevars signsimp simplify sqrtdenest trigsimp
    """,
    "sympy.simplify.simplify": """
        besselsimp hypersimilar hypersimp kroneckersimp logcombine nsimplify posify separatevars signsimp simplify
    """,
    "sympy.solvers.solveset": "linear_eq_to_matrix linsolve nonlinsolve solveset substitution",
    "sympy.solvers.diophantine": "diophantine",
}
